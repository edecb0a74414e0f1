"""A stream of events over connections that break."""

from __future__ import annotations

import json

import anyio
import pytest

from client import AsyncPolarizer, NotFoundError, Polarizer, Retries, UnreachableError
from client.following import Following
from tests.client.wobbly import HANG_UP, Say, wobbly

STREAM = {"content-type": "text/event-stream"}


def event(sequence: int, kind: str = "stage", **data: str) -> bytes:
    body = {
        "sequence": sequence,
        "attempt": 1,
        "type": kind,
        "data": data,
        "created_at": "2026-11-01T00:00:00Z",
    }
    return f"event: {kind}\ndata: {json.dumps(body)}\nid: {sequence}\n\n".encode()


LAST = event(4, "status", status="succeeded")
FIRST_TWO = Say(body=event(1) + b": still here\n\n" + event(2), headers=STREAM)
CUT = Say(body=event(2) + event(3) + LAST, headers=STREAM, cut=len(event(2)) + 20)
REST = Say(body=event(3) + LAST, headers=STREAM)
AT_ONCE = Retries(base=0)


def heard(url: str) -> list[int]:
    with Polarizer(url, retries=AT_ONCE) as service:
        return [one.sequence for one in service.defenses.follow("def_1")]


def test_it_resumes_after_the_last_one_heard() -> None:
    with wobbly(FIRST_TWO, HANG_UP, Say(503), CUT, REST) as server:
        assert heard(server.url) == [1, 2, 3, 4]
        resumed = [asked.headers.get("last-event-id") for asked in server.asked]
        assert resumed == [None, "2", "2", "2", "2"]


def test_nothing_follows() -> None:
    with wobbly(Say(204, b"")) as server:
        assert heard(server.url) == []


def test_a_defense_that_is_gone() -> None:
    with wobbly(FIRST_TWO, Say(404)) as server, pytest.raises(NotFoundError):
        heard(server.url)


def test_it_does_not_try_for_ever() -> None:
    with wobbly(FIRST_TWO, HANG_UP) as server, pytest.raises(UnreachableError):
        heard(server.url)
    assert len(server.asked) == 1 + AT_ONCE.attempts - 1


def test_the_same_in_an_event_loop() -> None:
    async def use(url: str) -> list[int]:
        async with AsyncPolarizer(url, retries=AT_ONCE) as service:
            return [one.sequence async for one in service.defenses.follow("def_1")]

    with wobbly(FIRST_TWO, HANG_UP, CUT, REST) as server:
        assert anyio.run(use, server.url) == [1, 2, 3, 4]


def test_lines_as_the_standard_allows_them() -> None:
    following = Following("def_1")
    data = event(1).split(b"\n")[1].removeprefix(b"data: ").decode()
    first, second = data.split(", ", 1)
    lines = [": comment", "retry: 5", f"data:{first},", f"data: {second}", ""]
    said = [following.hear(line) for line in lines]
    assert said[:-1] == [None] * 4
    assert said[-1]
    assert said[-1].sequence == 1
