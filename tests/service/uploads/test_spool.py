"""Files on their way in."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import InvalidRequestError, TooLargeError, UnavailableError
from service.uploads import spool
from service.uploads.filenames import shown_name
from service.uploads.spool import SpoolFile, clean_spool


async def _write(folder: Path, chunks: list[bytes], limit: int = 100) -> tuple[str, bytes]:
    async with SpoolFile(folder, limit=limit, what="it") as file:
        for chunk in chunks:
            await file.write(chunk)
        spooled = await file.finish()
        assert spooled.size == len(spooled.path.read_bytes())
        return spooled.sha256, spooled.path.read_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=8), max_size=30))
def test_a_file_is_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: list[bytes]
) -> None:
    monkeypatch.setattr(spool, "BUFFER", 10)
    whole = b"".join(chunks)
    if not whole:
        with pytest.raises(InvalidRequestError, match="it is empty"):
            asyncio.run(_write(tmp_path, chunks, 1000))
    else:
        digest, content = asyncio.run(_write(tmp_path, chunks, 1000))
        assert content == whole
        assert digest == hashlib.sha256(whole).hexdigest()
    assert list(tmp_path.iterdir()) == []


def test_too_much_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLargeError, match="larger than 100 bytes"):
        asyncio.run(_write(tmp_path, [b"x" * 60, b"x" * 41]))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_so(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")

    async def write() -> None:
        file = SpoolFile(tmp_path, limit=100, what="it")
        async with file:
            assert file._file is not None
            file._file.close()
            file._file = full.open("wb", buffering=0)
            await file.write(b"x")
            await file.finish()

    with pytest.raises(UnavailableError, match="no room"):
        asyncio.run(write())
    assert list(tmp_path.iterdir()) == []


class Stuck(io.BytesIO):
    """A file that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.was_closed_in_between = False

    def write(self, content: Any) -> int:
        self.reached.set()
        assert self.go_on.wait(60)
        self.was_closed_in_between = self.closed
        return len(content)


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Stuck:
    file = Stuck()
    monkeypatch.setattr(spool, "BUFFER", 1)
    opened = SpoolFile._open

    def open_stuck(self: SpoolFile) -> None:
        opened(self)
        assert self._file is not None
        self._file.close()
        self._file = file

    monkeypatch.setattr(SpoolFile, "_open", open_stuck)
    return file


def test_more_is_taken_while_a_thread_writes(tmp_path: Path, stuck: Stuck) -> None:
    async def write() -> None:
        async with SpoolFile(tmp_path, limit=100, what="it") as file:
            await file.write(b"a")
            await asyncio.to_thread(stuck.reached.wait, 60)
            stuck.go_on.set()
            await file.write(b"b")
            assert (await file.finish()).sha256 == hashlib.sha256(b"ab").hexdigest()

    asyncio.run(write())


def test_who_gives_up_waits_for_the_thread(tmp_path: Path, stuck: Stuck) -> None:
    async def write() -> None:
        async with SpoolFile(tmp_path, limit=100, what="it") as file:
            await file.write(b"a")
            await file.write(b"b")

    async def cancelled() -> None:
        task = asyncio.create_task(write())
        await asyncio.to_thread(stuck.reached.wait, 60)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.05)
        assert not done
        stuck.go_on.set()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(cancelled())
    assert stuck.closed
    assert not stuck.was_closed_in_between
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_told_at_the_next_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: SpoolFile, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(spool, "BUFFER", 1)
    monkeypatch.setattr(SpoolFile, "_write", full)
    with pytest.raises(UnavailableError, match="no room"):
        asyncio.run(_write(tmp_path, [b"a", b"b"]))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TooLargeError):  # and nobody is surprised by what nobody asked for
        asyncio.run(_write(tmp_path, [b"a", b"b" * 100]))


def test_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    (tmp_path / "new").write_text("x")
    long_ago = time.time() - 7200
    os.utime(tmp_path / "old", (long_ago, long_ago))
    assert clean_spool(tmp_path, older_than=3600) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert clean_spool(tmp_path / "absent", older_than=0) == 0


def test_a_clock_that_is_wrong_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "arriving").write_text("x")
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + 86_400)
    assert clean_spool(tmp_path, older_than=3600) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["arriving"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("model.pt", "model.pt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\m.pt", "m.pt"),
        ('a"b\r\nc', "a_b_c"),
        ("..", None),
        ("", None),
        (None, None),
        ("ä" * 300, "ä" * 255),
    ],
)
def test_a_file_name_is_for_showing(given: str | None, shown: str | None) -> None:
    assert shown_name(given) == shown


@given(st.text())
def test_no_name_can_leave_a_folder_or_a_header(name: str) -> None:
    shown = shown_name(name)
    if shown is not None:
        assert not set(shown) & set('/\\"\r\n\0')
        assert shown not in (".", "..")
        assert shown == shown_name(shown)
