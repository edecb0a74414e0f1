"""Every byte goes out, in order; those of one turn of the loop together."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from service.http.gathering import MOST_HELD, Gathering


class Inner(asyncio.Transport):
    """Notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[bytes | str] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing
        self.done.append(bytes(data))

    def close(self) -> None:
        self.closing = True
        self.done.append("close")

    def write_eof(self) -> None:
        self.done.append("eof")

    def is_closing(self) -> bool:
        return self.closing


def run(*turns: list[bytes | str]) -> list[bytes | str]:
    """What the inner transport hears of turns of the loop: of writes, and of calls by name."""
    inner = Inner()

    async def scenario() -> None:
        outer = Gathering(inner, asyncio.get_running_loop())
        for turn in turns:
            for step in turn:
                if isinstance(step, bytes):
                    outer.write(step)
                else:
                    getattr(outer, step)()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(scenario())
    return inner.done


def test_head_and_body_go_out_together() -> None:
    assert run([b"head", b"body"], [b"next"]) == [b"headbody", b"next"]


def test_what_was_written_goes_out_before_the_end() -> None:
    assert run([b"head", b"body", "close", b"late"]) == [b"headbody", "close"]
    assert run([b"refused", "write_eof"]) == [b"refused", "eof"]


def test_much_is_not_held() -> None:
    piece = bytes(MOST_HELD)
    assert run([b"head", piece, b"more"]) == [b"head" + piece, b"more"]


@given(turns=st.lists(st.lists(st.binary(max_size=8), max_size=5), max_size=5))
def test_no_byte_is_lost_or_moved(turns: list[list[bytes]]) -> None:
    done = run(*(list(turn) for turn in turns))
    written = [b"".join(turn) for turn in turns if turn]
    assert done == written
