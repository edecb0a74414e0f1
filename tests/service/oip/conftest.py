"""One service with a real engine, and models behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor
from tritonclient.http import InferenceServerClient

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.inference.artefacts import Artefact, add_model, make_artefact

NAME = "street-signs"
LIMIT = 1 << 20


@dataclass(frozen=True)
class Served:
    """A model of the service."""

    id: str
    artefact: Artefact

    def logits(self, pixels: Tensor) -> Tensor:
        """``(N, K)``, of pixels ``(N, C, H, W)`` in [0, 1]."""
        with torch.inference_mode():
            return self.artefact.classifier(pixels)


@pytest.fixture(scope="session")
def oip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("oip")


@pytest.fixture(scope="session")
def oip(oip_folder: Path) -> Iterator[Site]:
    settings = Settings(
        data_dir=oip_folder / "data",
        max_tensor_bytes=LIMIT,
        engine_timeout_seconds=240,
        **TEST_LIMITS,
    )
    migrate(settings)
    with running(settings) as site:
        yield site


@pytest.fixture(scope="session")
def models(oip: Site, oip_folder: Path) -> list[Served]:
    """Two models; the first one answers to :data:`NAME`."""
    artefacts = [make_artefact(oip_folder, seed) for seed in range(2)]
    found = [Served(add_model(oip.resources, each), each) for each in artefacts]
    put = oip.client.put(f"/v1/names/{NAME}", json={"model_id": found[0].id})
    assert put.status_code == 201
    return found


@pytest.fixture
def triton(oip: Site) -> Iterator[InferenceServerClient]:
    """The protocol's own client, as it comes."""
    host, port = oip.host()
    client = InferenceServerClient(f"{host}:{port}", network_timeout=240)
    yield client
    client.close()
