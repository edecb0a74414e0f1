"""A thousand callers of more models than fit, all at once: each gets its own answer."""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.inference.artefacts import SIZE, Artefact, add_model, make_artefact

MODELS = 10
ROOM = 3
CALLERS = 1000
CLASSES = 3


@pytest.fixture
def small(folder: Path) -> list[Artefact]:
    return [
        make_artefact(folder, 200 + seed, channels=1, classes=CLASSES, width=2)
        for seed in range(MODELS)
    ]


@pytest.fixture
def crowded(folder: Path) -> Iterator[Site]:
    settings = Settings(
        data_dir=folder / "crowded",
        engine_max_models=ROOM,
        engine_timeout_seconds=240,
        **TEST_LIMITS,
    )
    migrate(settings)
    with running(settings) as site:
        yield site


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * CALLERS + 500
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"a process may open {hard} files here, this needs {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def images() -> np.ndarray:
    """One of its own for each caller, uint8 ``(CALLERS, 1, SIZE, SIZE)``."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (CALLERS, 1, SIZE, SIZE), dtype=np.uint8)


async def infer(host: tuple[str, int], model_id: str, image: np.ndarray) -> list[float]:
    """The logits, over a connection of its own."""
    reader, writer = await asyncio.open_connection(*host)
    size = {"binary_data_size": image.nbytes}
    tensor = {"name": "input", "datatype": "UINT8", "shape": [1, *image.shape], "parameters": size}
    header = json.dumps({"inputs": [tensor], "outputs": [{"name": "logits"}]}).encode()
    head = (
        f"POST /v2/models/{model_id}/infer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Inference-Header-Content-Length: {len(header)}\r\n"
        f"Content-Length: {len(header) + image.nbytes}\r\n\r\n"
    )
    writer.write(head.encode() + header + image.tobytes())
    answer = await reader.read()
    writer.close()
    status, _, body = answer.partition(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 200 "), answer
    return json.loads(body)["outputs"][0]["data"]


def test_a_thousand_callers_of_ten_models_with_room_for_three(
    crowded: Site, small: list[Artefact]
) -> None:
    ids = [add_model(crowded.resources, artefact) for artefact in small]
    sent = images()

    async def all_at_once() -> list[list[float]]:
        asked = [
            infer(crowded.host(), ids[number % MODELS], sent[number]) for number in range(CALLERS)
        ]
        return await asyncio.gather(*asked)

    found = torch.tensor(asyncio.run(all_at_once()))
    for which, artefact in enumerate(small):
        with torch.inference_mode():
            expected = artefact.classifier(torch.from_numpy(sent[which::MODELS]) / 255)
        torch.testing.assert_close(found[which::MODELS], expected, atol=1e-4, rtol=1e-4)
    told = crowded.resources.inference.metrics()
    assert (told.waiting_rows, told.waiting_bytes) == (0, 0)
    assert sum(model.rows for model in told.models.values()) == CALLERS
    assert sum(model.evictions for model in told.models.values()) >= MODELS - ROOM
    assert sum(model.rejected for model in told.models.values()) == 0
