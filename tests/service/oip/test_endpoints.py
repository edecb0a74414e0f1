"""A good request over HTTP is answered, every other one refused in the protocol's form."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.service.conftest import Site
from tests.service.inference.artefacts import SIZE
from tests.service.oip.asking import PIXELS, SHAPE, infer, logits, refused, sized
from tests.service.oip.conftest import LIMIT, NAME, Served


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
