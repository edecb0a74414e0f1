"""The protocol over HTTP: every refusal in its form, names that move, clients that leave."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch

from polarizer.alarm.calibration import disagreement
from service.errors import BusyError
from tests.service.conftest import Site
from tests.service.inference.artefacts import SIZE, add_model, make_alarm, random_images
from tests.service.oip.conftest import LIMIT, NAME, Served
from tests.waiting import wait_until

SHAPE = [1, 3, SIZE, SIZE]
PIXELS = bytes(3 * SIZE * SIZE)
PATIENCE = 240
"""Seconds: an engine has to start first."""


def infer(
    site: Site, header: Any, tensors: bytes = b"", *, name: str = NAME, **headers: str
) -> httpx.Response:
    """A request of a JSON header and binary tensors."""
    start = json.dumps(header).encode()
    framing = {"Inference-Header-Content-Length": str(len(start))}
    content = start + tensors
    url = f"/v2/models/{name}/infer"
    return site.client.post(url, content=content, headers=framing | headers, timeout=PATIENCE)


def sized(**members: Any) -> dict[str, Any]:
    """A header for :data:`PIXELS`."""
    tensor = {
        "name": "input",
        "datatype": "UINT8",
        "shape": SHAPE,
        "parameters": {"binary_data_size": len(PIXELS)},
    }
    return {"inputs": [tensor | members]}


def refused(answer: httpx.Response, status: int) -> str:
    """The message of an error in the protocol's form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


def logits(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    (found,) = [each for each in answer.json()["outputs"] if each["name"] == "logits"]
    return np.array(found["data"], np.float32).reshape(found["shape"])


# What is wrong with a request


def test_a_good_request_is_answered(oip: Site, models: list[Served]) -> None:
    assert logits(infer(oip, sized(), PIXELS)).shape == (1, 7)


@pytest.mark.parametrize(
    ("method", "path", "status", "cause"),
    [
        ("GET", "/v2/nothing", 404, "nothing at this path"),
        ("GET", "/v2/models/none", 404, "'none'"),
        ("GET", "/v2/models/mdl_none", 404, "'mdl_none'"),
        ("GET", f"/v2/models/{NAME}/versions/x", 404, "version 'x'"),
        ("POST", "/v2/models/none/infer", 404, "'none'"),
        ("GET", f"/v2/models/{NAME}/infer", 405, "does not take this method"),
        ("PUT", "/v2", 405, "does not take this method"),
    ],
)
def test_every_wrong_call_is_refused_in_the_protocols_form(
    oip: Site, models: list[Served], method: str, path: str, status: int, cause: str
) -> None:
    assert cause in refused(oip.client.request(method, path), status)


@pytest.mark.parametrize(
    ("header", "tensors", "cause"),
    [
        ({}, PIXELS, "inputs"),
        (sized(name="image"), PIXELS, "'input'"),
        (sized(datatype="BF16"), PIXELS, "'BF16'"),
        (sized(shape=[1, SIZE, SIZE, 3]), PIXELS, "takes [N, 3"),
        (sized(shape=[2**31, 3, SIZE, SIZE]), PIXELS, "needs"),
        (sized(shape=[-1, 3, SIZE, SIZE]), PIXELS, "shape"),
        (sized(), PIXELS[:-1], "bytes follow the JSON"),
        (sized(), PIXELS + b"x", "bytes follow the JSON"),
        (sized(parameters={"binary_data_size": -1}), PIXELS, "binary_data_size"),
        (sized(datatype="FP32"), PIXELS, "needs"),
        (sized() | {"outputs": [{"name": "other"}]}, PIXELS, "no output 'other'"),
        (sized() | {"outputs": [{"name": "flagged"}]}, PIXELS, "alarm is on"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(
    oip: Site, models: list[Served], header: Any, tensors: bytes, cause: str
) -> None:
    assert cause in refused(infer(oip, header, tensors), 400)


@pytest.mark.parametrize("length", ["99999", "-1", "x"])
def test_a_header_beyond_the_body_is_refused(oip: Site, models: list[Served], length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = oip.client.post(f"/v2/models/{NAME}/infer", content=b"{}", headers=headers)
    assert "Inference-Header-Content-Length" in refused(answer, 400)


def test_nan_is_refused(oip: Site, models: list[Served]) -> None:
    tensors = np.full((2, *SHAPE[1:]), 0.5, np.float32)
    tensors[1, 2, 3, 4] = np.nan
    size = {"binary_data_size": tensors.nbytes}
    header = sized(datatype="FP32", shape=list(tensors.shape), parameters=size)
    assert "nan" in refused(infer(oip, header, tensors.tobytes()), 400)


def test_too_large_bodies_are_refused(oip: Site, models: list[Served]) -> None:
    path = f"/v2/models/{NAME}/infer"
    over = bytes(LIMIT + 1)

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield over[: LIMIT // 2]

    assert str(LIMIT) in refused(oip.client.post(path, content=over), 413)
    assert str(LIMIT) in refused(oip.client.post(path, content=chunks()), 413)
    headers = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(over)
    assert len(bomb) < 10_000
    assert "inflates" in refused(oip.client.post(path, content=bomb, headers=headers), 413)


def test_other_compressions_are_refused(oip: Site, models: list[Served]) -> None:
    encoding = {"Content-Encoding": "br"}
    assert "gzip" in refused(infer(oip, sized(), PIXELS, **encoding), 415)


def test_an_index_request_of_another_form_is_refused(oip: Site) -> None:
    answer = oip.client.post("/v2/repository/index", json={"ready": "perhaps"})
    assert "ready" in refused(answer, 422)


# What is wrong with the service


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


def engine_pid(site: Site) -> int:
    pid = site.resources.inference.engines[0].pid
    assert pid
    return pid


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


# Names that move


def test_a_name_moves_without_a_request_being_dropped(oip: Site, models: list[Served]) -> None:
    """Whoever asks meanwhile is answered by the old model or the new one; later, by the new."""
    images = random_images(1, seed=11)
    expected = [model.logits(images / 255).numpy() for model in models]
    assert not np.allclose(*expected, atol=1e-2)
    oip.client.put("/v1/names/moving", json={"model_id": models[0].id})
    moved = threading.Event()

    def which() -> tuple[bool, int, str]:
        late = moved.is_set()
        answer = infer(oip, sized(), images.numpy().tobytes(), name="moving")
        found = logits(answer)
        (index,) = [i for i in range(2) if np.allclose(found, expected[i], atol=1e-3)]
        return late, index, answer.json()["model_version"]

    def ask(count: int) -> list[tuple[bool, int, str]]:
        return [which() for _ in range(count)]

    assert which()[1:] == (0, "1")
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, 15) for _ in range(4)]
        oip.client.put("/v1/names/moving", json={"model_id": models[1].id})
        moved.set()
    answers = [answer for each in asked for answer in each.result()]
    assert {index for late, index, _ in answers if late} <= {1}
    assert {(index, version) for _, index, version in answers} <= {(0, "1"), (1, "2")}
    assert which()[1:] == (1, "2")
    oip.client.post("/v1/names/moving/rollback")
    assert which()[1:] == (0, "1")


def test_each_version_can_be_asked(oip: Site, models: list[Served]) -> None:
    for model in models:
        oip.client.put("/v1/names/both", json={"model_id": model.id})
    images = random_images(2, seed=12)
    header = sized(shape=[2, *SHAPE[1:]], parameters={"binary_data_size": 2 * len(PIXELS)})
    for version, model in enumerate(models, start=1):
        found = infer(oip, header, images.numpy().tobytes(), name=f"both/versions/{version}")
        expected = model.logits(images / 255)
        torch.testing.assert_close(torch.from_numpy(logits(found)), expected, atol=1e-4, rtol=0)
        assert found.json()["model_version"] == str(version)
    metadata = oip.client.get("/v2/models/both").json()
    assert (metadata["versions"], metadata["parameters"]["version"]) == (["1", "2"], "2")


# The alarm


def test_the_alarm_answers_for_both_models_while_it_is_on(
    oip: Site, oip_folder: Path, models: list[Served]
) -> None:
    artefact = models[1].artefact
    images = random_images(8, seed=13)
    with torch.inference_mode():
        ours = artefact.classifier(images / 255)
        base = make_alarm(oip_folder, artefact, threshold=0).base(images / 255)
    threshold = float(disagreement(ours, base).median())
    alarm = make_alarm(oip_folder, artefact, threshold=threshold)
    model_id = add_model(oip.resources, artefact, alarm)
    header = sized(shape=[8, *SHAPE[1:]], parameters={"binary_data_size": 8 * len(PIXELS)})
    flagged = header | {"outputs": [{"name": "flagged"}]}
    content = images.numpy().tobytes()

    told = outputs_of(infer(oip, header, content, name=model_id))
    assert list(told) == ["logits", "probabilities", "base_logits", "flagged"]
    found = torch.tensor(told["base_logits"]["data"]).reshape(8, 7)
    torch.testing.assert_close(found, base, atol=1e-4, rtol=1e-4)
    assert told["flagged"]["datatype"] == "BOOL"
    assert told["flagged"]["data"] == (disagreement(ours, base) > threshold).tolist()
    assert 0 < sum(told["flagged"]["data"]) < 8

    def metadata() -> list[str]:
        answer = oip.client.get(f"/v2/models/{model_id}").json()
        return [output["name"] for output in answer["outputs"]]

    assert metadata() == list(told)
    switched = oip.client.put(f"/v1/models/{model_id}/alarm", json={"on": False})
    assert switched.status_code == 200
    assert metadata() == ["logits", "probabilities"]
    told = outputs_of(infer(oip, header, content, name=model_id))
    assert list(told) == ["logits", "probabilities"]
    refused(infer(oip, flagged, content, name=model_id), 400)
    oip.client.put(f"/v1/models/{model_id}/alarm", json={"on": True})
    assert list(outputs_of(infer(oip, flagged, content, name=model_id))) == ["flagged"]


def outputs_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {output["name"]: output for output in answer.json()["outputs"]}
