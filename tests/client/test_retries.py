"""What is asked again, how often and how late, and what never is."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx
import pytest

from client import (
    BusyError,
    ConfigurationError,
    Polarizer,
    ProblemError,
    ServiceError,
    UnreachableError,
)
from client.call import Call, nothing
from client.retries import Retries
from client.sending import AsyncSender, Sender
from tests.client.wobbly import HANG_UP, Say, wobbly

UPLOAD = (
    b'{"id": "upl_1", "sha256": "0", "size": 0, "filename": null,'
    b' "created_at": "2026-11-01T00:00:00Z"}'
)
DEFENSE = (
    b'{"id": "def_1", "name": null, "status": "queued", "stage": null, "progress": 0, "attempt": 0,'
    b' "numbers": null, "error": null, "model_id": null, "has_report": false,'
    b' "created_at": "2026-11-01T00:00:00Z", "started_at": null, "finished_at": null,'
    b' "estimated_finish_at": null, "inputs": {}, "description": null, "target_class": null,'
    b' "config": {}}'
)
GET: Call[None] = Call("GET", "/x", nothing)
ONCE: Call[None] = Call("POST", "/x", nothing, repeatable=False)


def later(seconds: str, status: int = 503) -> Say:
    return Say(status, headers={"retry-after": seconds})


def run(url: str, call: Call[Any], **settings: Any) -> list[float]:
    """Does the call; the pauses that it took."""
    pauses: list[float] = []
    retries = Retries(draw=lambda ceiling: ceiling / 2, **settings)
    with httpx.Client(base_url=url) as http:
        Sender(http, retries, pauses.append).run(call)
    return pauses


def test_pauses_double_up_to_the_cap() -> None:
    with wobbly(Say(502), HANG_UP, Say(503), Say(504), Say()) as server:
        assert run(server.url, GET, cap=3.0) == [0.25, 0.5, 1.0, 1.5]
        assert len(server.asked) == 5


def test_retry_after_is_respected() -> None:
    with wobbly(later("7"), later("3", 429), Say()) as server:
        assert run(server.url, GET, base=1.0) == [7.5, 3.5]


def test_a_service_that_wants_too_much_patience_is_left() -> None:
    with wobbly(later("500")) as server, pytest.raises(ServiceError):
        run(server.url, GET)
    assert len(server.asked) == 1


def test_attempts_end() -> None:
    with wobbly(Say(503)) as server, pytest.raises(ServiceError) as caught:
        run(server.url, GET, attempts=3)
    assert (len(server.asked), caught.value.status) == (3, 503)


@pytest.mark.parametrize("answer", [HANG_UP, Say(502), Say(503), Say(504)], ids=str)
def test_what_may_have_been_done_is_not_done_twice(answer: Say | None) -> None:
    with wobbly(answer) as server, pytest.raises((UnreachableError, ServiceError)):
        run(server.url, ONCE)
    assert len(server.asked) == 1


def test_what_was_refused_because_of_load_is_asked_again() -> None:
    with wobbly(later("0", 429), Say()) as server:
        assert len(run(server.url, ONCE)) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_a_clear_no_is_no(status: int) -> None:
    with wobbly(Say(status)) as server, pytest.raises(ProblemError):
        run(server.url, GET)
    assert len(server.asked) == 1


def test_a_defense_is_repeated_with_the_same_key() -> None:
    with wobbly(HANG_UP, Say(202, DEFENSE)) as server:
        with Polarizer(server.url, retries=Retries(base=0)) as service:
            made = service.defenses.create(model="upl_1", clean="upl_1")
        keys = {asked.headers["idempotency-key"] for asked in server.asked}
        assert (made.id, len(server.asked), len(keys)) == ("def_1", 2, 1)
        with Polarizer(server.url) as service:
            service.defenses.create(model="upl_1", clean="upl_1")
        assert server.asked[-1].headers["idempotency-key"] not in keys


def test_the_event_loop_waits_too() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async def use(url: str) -> None:
        async with httpx.AsyncClient(base_url=url) as http:
            await AsyncSender(http, Retries(draw=lambda ceiling: 0), sleep).run(GET)

    with wobbly(later("2"), Say()) as server:
        anyio.run(use, server.url)
    assert pauses == [2.0]


def test_cancelling_in_an_event_loop_stops_retrying() -> None:
    async def use(url: str) -> None:
        with anyio.CancelScope() as scope:

            async def sleep(seconds: float) -> None:
                scope.cancel()
                await anyio.sleep(seconds)

            async with httpx.AsyncClient(base_url=url) as http:
                await AsyncSender(http, Retries(), sleep).run(GET)
        assert scope.cancelled_caught

    with wobbly(later("60")) as server:
        anyio.run(use, server.url)
    assert len(server.asked) == 1


def test_a_quota_that_waiting_does_not_free() -> None:
    body = b'{"type": "urn:polarizer:problem:quota", "detail": "too many bytes"}'
    with wobbly(Say(429, body)) as server, pytest.raises(BusyError, match="too many bytes"):
        run(server.url, GET)
    assert len(server.asked) == 1


def test_a_wish_for_patience_is_told() -> None:
    with wobbly(later("9", 429)) as server, pytest.raises(BusyError) as caught:
        run(server.url, GET, attempts=1)
    assert caught.value.retry_after == 9


def test_whom_to_tell() -> None:
    with wobbly(Say(202, DEFENSE)) as server, Polarizer(server.url) as service:
        service.defenses.create(model="upl_1", clean="upl_1", webhook="https://example.com/x")
        asked = json.loads(server.asked[0].body)
    assert asked["webhook"] == {"url": "https://example.com/x"}


def test_a_service_that_is_elsewhere() -> None:
    moved = Say(308, headers={"location": "https://new.example/x"})
    with wobbly(moved) as server, pytest.raises(ConfigurationError, match="https://new.example"):
        run(server.url, GET)
