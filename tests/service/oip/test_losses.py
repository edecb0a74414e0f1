"""What is wrong with the service is said in the protocol's form, and work goes on after it."""

from __future__ import annotations

import json
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from service.errors import BusyError
from tests.service.conftest import Site
from tests.service.inference.asking import engine_pid
from tests.service.oip.asking import PIXELS, infer, logits, refused, sized
from tests.service.oip.conftest import NAME, Served
from tests.waiting import wait_until


def test_too_much_at_once_says_when_to_try_again(
    oip: Site, models: list[Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise BusyError("full", retry_after=1)

    with monkeypatch.context() as patch:
        patch.setattr(oip.resources.inference, "admit", full)
        answer = infer(oip, sized(), PIXELS)
    assert refused(answer, 429) == "full"
    assert answer.headers["retry-after"] == "1"


def test_readiness_names_what_is_missing(small_site: Site) -> None:
    small_site.settings.data_dir.joinpath("store").write_text("not a folder")
    assert "store" in refused(small_site.client.get("/v2/health/ready"), 503)
    assert small_site.client.get("/v2/health/live").json() == {"live": True}


def test_an_unforeseen_error_tells_nothing(
    small_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    with monkeypatch.context() as patch:
        patch.setattr(small_site.resources.directory, "find", fail)
        assert "secret" not in refused(small_site.client.get("/v2/models/any"), 500)


def test_a_killed_engine_is_told_to_those_in_flight_only(oip: Site, models: list[Served]) -> None:
    before = logits(infer(oip, sized(), PIXELS))
    pid = engine_pid(oip)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(infer, oip, sized(), PIXELS) for _ in range(3)]
        wait_until(lambda: oip.resources.inference.rows_waiting == 3)
        os.kill(pid, signal.SIGKILL)
        for answer in answers:
            assert "engine ended" in refused(answer.result(), 503)
            assert answer.result().headers["retry-after"]
    np.testing.assert_allclose(logits(infer(oip, sized(), PIXELS)), before, atol=1e-4)


def test_a_client_that_leaves_frees_its_place(oip: Site, models: list[Served]) -> None:
    assert infer(oip, sized(), PIXELS).status_code == 200
    inference = oip.resources.inference
    pid = engine_pid(oip)
    header = json.dumps(sized()).encode()
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.create_connection(oip.host(), timeout=20) as connection:
            head = (
                f"POST /v2/models/{NAME}/infer HTTP/1.1\r\nHost: localhost\r\n"
                f"Inference-Header-Content-Length: {len(header)}\r\n"
                f"Content-Length: {len(header) + len(PIXELS)}\r\n\r\n"
            )
            connection.sendall(head.encode() + header + PIXELS)
            wait_until(lambda: inference.rows_waiting == 1)
        wait_until(lambda: inference.rows_waiting == 0)
        assert inference.metrics().waiting_bytes == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    assert infer(oip, sized(), PIXELS).status_code == 200
    assert engine_pid(oip) == pid
