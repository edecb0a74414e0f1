"""An ONNX file without any description: repaired, asked in both ways, exported again."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from onnx import ModelProto, helper
from PIL import Image

from polarizer.onnx.parsing import tensors_of
from service.blobs import Blobs
from service.database import Database
from service.queue import Queue, create_celery
from service.settings import Settings
from service.storage import open_store
from tests.polarizer.onnx.graphs import by_runtime, model
from tests.service.conftest import TEST_LIMITS, migrate, running
from tests.worker import samples
from worker.runner import Runner
from worker.workplace import open_workplace

pytestmark = pytest.mark.slow

PATIENCE = 240.0
"""Seconds for an answer: behind some stand processes that load torch on a busy machine."""


def suspect() -> ModelProto:
    """The backdoored sample, its normalisation inside."""
    state = {name: tensor.numpy() for name, tensor in samples.backdoored().items()}
    tensors = {name: value for name, value in state.items() if value.dtype == np.float32}
    nodes = [
        helper.make_node("Sub", ["images", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["features0"]),
    ]
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        norm = [f"bn{number}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        convolved = [f"features{number - 1}", f"conv{number}.weight"], [f"maps{number}"]
        nodes += [
            helper.make_node("Conv", *convolved, pads=[1, 1, 1, 1], strides=[stride, stride]),
            helper.make_node("BatchNormalization", [f"maps{number}", *norm], [f"norm{number}"]),
            helper.make_node("Relu", [f"norm{number}"], [f"features{number}"]),
        ]
    nodes += [
        helper.make_node("GlobalAveragePool", ["features3"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "linear.weight", "linear.bias"], ["logits"], transB=1),
    ]
    return model(nodes, tensors | {"mean": np.float32(0.5), "std": np.float32(0.25)})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path / "data", device="cpu", **TEST_LIMITS)
    migrate(settings)
    return settings


def asked(client: httpx.Client, before: ModelProto) -> str:
    request = {name: value for name, value in samples.request().items() if name != "description"}
    content = samples.inputs() | {"model": before.SerializeToString()}
    answer = client.post(
        "/v1/defenses",
        files={role: (role, data) for role, data in content.items()},
        data={"request": json.dumps({**request, "evidence": None})},
    )
    assert answer.status_code == 202, answer.text
    identifier: str = answer.json()["id"]
    return identifier


def work(settings: Settings, defense_id: str) -> None:
    """As a worker does, in this process, with the real child."""
    database = Database(settings.database)
    queue = Queue(create_celery(settings))
    with open_workplace(settings.jobs_dir) as workplace:
        blobs = Blobs(database, open_store(settings))
        stop = threading.Event()
        Runner(settings, database, blobs, queue, workplace, shutdown=stop).run(defense_id)
    database.dispose()


def infer(client: httpx.Client, model_id: str, pixels: torch.Tensor) -> dict[str, np.ndarray]:
    tensor = {"name": "input", "shape": list(pixels.shape), "datatype": "FP32"}
    body = {"inputs": [tensor | {"data": pixels.flatten().tolist()}]}
    answer = client.post(f"/v2/models/{model_id}/infer", json=body)
    assert answer.status_code == 200, answer.text
    outputs: list[dict[str, Any]] = answer.json()["outputs"]
    return {one["name"]: np.array(one["data"]).reshape(one["shape"]) for one in outputs}


def png(pixels: torch.Tensor) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.numpy()).save(file, "png")
    return file.getvalue()


def test_an_onnx_file_comes_in_is_repaired_served_and_goes_out(settings: Settings) -> None:
    before = suspect()
    with running(settings) as site:
        site.client.timeout = httpx.Timeout(PATIENCE)
        defense_id = asked(site.client, before)
        work(settings, defense_id)
        done = site.client.get(f"/v1/defenses/{defense_id}").json()
        assert done["status"] == "succeeded", done["error"]
        assert done["numbers"]["accuracy_before"] == 1.0

        pixels, _ = samples.images(4)
        floats = pixels[:, None].float() / 255
        served = infer(site.client, done["model_id"], floats)
        answer = site.client.post(
            f"/v1/models/{done['model_id']}/predict",
            content=png(pixels[0]),
            headers={"Content-Type": "image/png"},
        )
        assert answer.status_code == 200, answer.text
        file = site.client.get(f"/v1/models/{done['model_id']}/export", params={"format": "onnx"})
        assert file.status_code == 200, file.text

    after = ModelProto.FromString(file.content)
    assert list(after.graph.node) == list(before.graph.node)
    pairs = zip(tensors_of(before), tensors_of(after), strict=True)
    changed = {name for (name, old), (_, new) in pairs if old != new}
    assert "conv3.weight" in changed
    assert not changed & {"mean", "std"}

    expected = by_runtime(after, floats).softmax(dim=1).numpy()
    np.testing.assert_allclose(served["probabilities"], expected, atol=1e-4)
    (seen,) = answer.json()["predictions"]
    assert seen["top"][0]["label"] == str(expected[0].argmax())
