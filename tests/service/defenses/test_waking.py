"""A create commits, then wakes a worker; a broker that hangs keeps nobody's answer."""

from __future__ import annotations

import threading

import pytest

from service.queue import Queue
from tests.service.conftest import Site
from tests.service.defenses.conftest import body


def test_a_broker_that_hangs_does_not_keep_the_answer(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, asked = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        asked.set()
        go_on.wait(60)

    monkeypatch.setattr("service.waking.SECONDS", 0.05)
    monkeypatch.setattr(Queue, "wake_all", hang)
    sent = body(small_site)
    try:
        answers = [small_site.client.post("/v1/defenses", json=sent) for _ in range(3)]
        assert asked.wait(60)
        assert [answer.status_code for answer in answers] == [202] * 3
        listed = small_site.client.get("/v1/defenses").json()["data"]
        assert {one["id"] for one in listed} == {answer.json()["id"] for answer in answers}
    finally:
        go_on.set()
