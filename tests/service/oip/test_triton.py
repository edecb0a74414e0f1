"""The protocol's own client, unchanged, understands everything that it can ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tritonclient.http import (
    InferenceServerClient,
    InferInput,
    InferRequestedOutput,
    InferResult,
)
from tritonclient.utils import InferenceServerException

from tests.service.conftest import Site
from tests.service.inference.artefacts import SIZE, random_images
from tests.service.oip.conftest import NAME, Served


def tensor(images: torch.Tensor, *, binary: bool = True) -> InferInput:
    """uint8 images as UINT8, others as FP32."""
    array = images.numpy()
    made = InferInput("input", list(array.shape), "FP32" if array.dtype == "f4" else "UINT8")
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def require_logits(result: InferResult, expected: torch.Tensor) -> None:
    np.testing.assert_allclose(result.as_numpy("logits"), expected.numpy(), atol=1e-4)


def test_the_server_is_there(triton: InferenceServerClient) -> None:
    assert triton.is_server_live()
    assert triton.is_server_ready()
    metadata = triton.get_server_metadata()
    assert metadata["name"] == "neural-polarizer-service"
    assert "binary_tensor_data" in metadata["extensions"]


@pytest.mark.parametrize("version", ["", "1"])
def test_a_model_says_what_it_takes(
    triton: InferenceServerClient, models: list[Served], version: str
) -> None:
    for name in (NAME, models[0].id):
        metadata = triton.get_model_metadata(name, version)
        assert metadata["name"] == name
        assert metadata["versions"] == ["1"]
        assert metadata["inputs"] == [
            {"name": "input", "datatype": "FP32", "shape": [-1, 3, SIZE, SIZE]}
        ]
        outputs = {output["name"]: output for output in metadata["outputs"]}
        assert outputs["logits"] == {"name": "logits", "datatype": "FP32", "shape": [-1, 7]}
        assert metadata["parameters"]["labels"] == list(models[0].artefact.description.classes)
        assert metadata["parameters"]["model_id"] == models[0].id


@pytest.mark.parametrize(
    ("name", "version", "ready"),
    [(NAME, "", True), (NAME, "1", True), (NAME, "2", False), ("other", "", False)],
)
def test_a_model_is_ready_if_it_is_there(
    triton: InferenceServerClient, models: list[Served], name: str, version: str, ready: bool
) -> None:
    assert triton.is_model_ready(name, version) is ready


def test_the_index_has_every_name_and_model(
    triton: InferenceServerClient, models: list[Served]
) -> None:
    index = triton.get_model_repository_index()
    assert {(each["name"], each["version"]) for each in index} >= {
        (NAME, "1"),
        *((model.id, "1") for model in models),
    }
    assert {each["state"] for each in index} == {"READY"}


def test_a_model_is_loaded_when_it_is_asked(
    triton: InferenceServerClient, models: list[Served]
) -> None:
    triton.load_model(models[1].id)
    with pytest.raises(InferenceServerException, match="no name 'other'"):
        triton.load_model("other")


@pytest.mark.parametrize("kind", ["FP32", "UINT8"])
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("count", [1, 5])
def test_answers_are_the_classifiers_own(
    triton: InferenceServerClient, models: list[Served], kind: str, binary: bool, count: int
) -> None:
    images = random_images(count, seed=count)
    sent = images if kind == "UINT8" else images / 255
    outputs = [
        InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "logits")
    ]
    result = triton.infer(NAME, [tensor(sent, binary=binary)], outputs=outputs, request_id="r-7")
    expected = models[0].logits(images / 255)
    require_logits(result, expected)
    found = result.as_numpy("probabilities")
    np.testing.assert_allclose(found, expected.softmax(dim=1).numpy(), atol=1e-4)
    told = result.get_response()
    assert [output["name"] for output in told["outputs"]] == ["probabilities", "logits"]
    assert (told["id"], told["model_name"], told["model_version"]) == ("r-7", NAME, "1")


def test_all_outputs_come_when_none_is_named(
    triton: InferenceServerClient, models: list[Served]
) -> None:
    images = random_images(2, seed=2)
    result = triton.infer(models[1].id, [tensor(images)], parameters={"anything": 1}, priority=2)
    names = [output["name"] for output in result.get_response()["outputs"]]
    assert names[:2] == ["logits", "probabilities"]
    require_logits(result, models[1].logits(images / 255))


@pytest.mark.parametrize("sent", ["gzip", "deflate", None])
@pytest.mark.parametrize("wanted", ["gzip", "deflate", None])
@pytest.mark.parametrize("binary", [True, False])
def test_bodies_may_be_compressed(
    triton: InferenceServerClient,
    models: list[Served],
    sent: str | None,
    wanted: str | None,
    binary: bool,
) -> None:
    images = random_images(20, seed=3)
    result = triton.infer(
        NAME,
        [tensor(images, binary=binary)],
        outputs=[InferRequestedOutput("logits", binary_data=binary)],
        request_compression_algorithm=sent,
        response_compression_algorithm=wanted,
    )
    require_logits(result, models[0].logits(images / 255))


@pytest.mark.parametrize(("wanted", "encoding"), [("gzip", "gzip"), (None, None)])
def test_answers_are_compressed_only_if_asked(
    oip: Site, models: list[Served], wanted: str | None, encoding: str | None
) -> None:
    images = random_images(40, seed=4)
    body, length = InferenceServerClient.generate_request_body([tensor(images)])
    headers: dict[str, Any] = {"Inference-Header-Content-Length": str(length)}
    headers["Accept-Encoding"] = wanted or "identity"
    answer = oip.client.post(f"/v2/models/{NAME}/infer", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding") == encoding


def test_several_requests_at_once(triton: InferenceServerClient, models: list[Served]) -> None:
    images = random_images(12, seed=5)
    waiting = [triton.async_infer(NAME, [tensor(images[i : i + 1])]) for i in range(12)]
    expected = models[0].logits(images / 255)
    for i, each in enumerate(waiting):
        require_logits(each.get_result(), expected[i : i + 1])


def test_errors_say_what_is_wrong(triton: InferenceServerClient, models: list[Served]) -> None:
    images = random_images(1, seed=6)
    with pytest.raises(InferenceServerException, match="no name 'other'") as raised:
        triton.infer("other", [tensor(images)])
    assert raised.value.status() == "404"
    with pytest.raises(InferenceServerException, match="no version 9") as raised:
        triton.infer(NAME, [tensor(images)], model_version="9")
    assert raised.value.status() == "404"
    with pytest.raises(InferenceServerException, match="the model normalises") as raised:
        triton.infer(NAME, [tensor(images.float())])
    assert raised.value.status() == "400"
    with pytest.raises(InferenceServerException, match="classification"):
        triton.infer(
            NAME, [tensor(images)], outputs=[InferRequestedOutput("logits", class_count=3)]
        )
    with pytest.raises(InferenceServerException, match="there is nothing at this path"):
        triton.get_model_config(NAME)
