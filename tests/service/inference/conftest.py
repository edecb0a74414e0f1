"""One service with a real engine for many tests: an engine takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.inference.artefacts import Artefact, add_model, make_artefact

MAX_MODELS = 2


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inference")


@pytest.fixture(scope="session")
def served(folder: Path) -> Iterator[Site]:
    """A service that holds two models in memory."""
    settings = Settings(
        data_dir=folder / "data",
        engine_max_models=MAX_MODELS,
        engine_backends=("fused",),
        engine_timeout_seconds=120,
        max_image_bytes=1 << 20,
        **TEST_LIMITS,
    )
    migrate(settings)
    with running(settings) as site:
        yield site


@pytest.fixture(scope="session")
def artefacts(folder: Path) -> list[Artefact]:
    """Five models that answer differently."""
    return [make_artefact(folder, seed) for seed in range(5)]


@pytest.fixture(scope="module")
def model(artefacts: list[Artefact]) -> Artefact:
    return artefacts[0]


@pytest.fixture(scope="module")
def model_id(served: Site, model: Artefact) -> str:
    return add_model(served.resources, model)
