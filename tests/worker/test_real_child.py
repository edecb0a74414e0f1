"""The runner with the real child: a whole job, and strangers' files that fail only their job."""

from __future__ import annotations

import pickle

import pytest
import torch

from polarizer.artefact import load_artefact
from service.defenses.states import Stage, Status
from tests.worker import samples
from tests.worker.conftest import Bench

pytestmark = pytest.mark.slow


def test_a_job_from_queue_to_model(bench: Bench) -> None:
    defense = bench.queued(
        samples.inputs(measured=True), **samples.request() | {"target_class": samples.TARGET}
    )
    bench.runner("real").run(defense)
    row = bench.row(defense)
    assert row.status == Status.SUCCEEDED, row.error
    assert row.numbers
    assert row.numbers["accuracy_before"] == 1.0
    stages = [event.data["stage"] for event in bench.events(defense, "stage")]
    assert stages == [stage.value for stage in Stage]
    assert bench.events(defense, "progress")
    (model,) = bench.models()
    assert model.numbers == row.numbers
    path = bench.settings.data_dir / "model.safetensors"
    bench.blobs.fetch(model.blob, path)
    artefact = load_artefact(path)
    assert artefact.description == samples.DESCRIPTION
    metadata = artefact.checkpoint.artefact
    assert metadata
    sent = {item.role: item.blob.sha256 for item in row.inputs if item.blob}
    assert metadata.provenance.inputs == sent


def truncated() -> dict[str, bytes]:
    return {"model": samples.model_file()[:-50]}


def pickled() -> dict[str, bytes]:
    return {"model": pickle.dumps({"weights": 1})}


def one_class() -> dict[str, bytes]:
    pixels, labels = samples.images(60)
    return {"clean": samples.npz(pixels, torch.zeros_like(labels))}


def no_images() -> dict[str, bytes]:
    return {"clean": b""}


@pytest.mark.parametrize(
    ("bad", "code", "words"),
    [
        (truncated, "model-format", "safetensors"),
        (pickled, "model-format", "pickle"),
        (one_class, "dataset-labels", "two classes"),
        (no_images, "dataset-format", "empty"),
    ],
)
def test_a_bad_file_fails_its_job_with_the_cause(
    bench: Bench, bad: object, code: str, words: str
) -> None:
    defense = bench.queued(samples.inputs() | bad(), **samples.request())  # type: ignore[operator]
    bench.runner("real").run(defense)
    row = bench.row(defense)
    assert row.status == Status.FAILED
    assert row.error
    assert row.error["code"] == code
    assert words in row.error["message"]
    assert bench.job_folders() == []


def test_too_little_memory_fails_the_job(bench: Bench) -> None:
    """Too little even for torch itself."""
    defense = bench.queued(samples.inputs(), **samples.request())
    bench.runner("real", job_memory_bytes=200 << 20).run(defense)
    row = bench.row(defense)
    assert row.status == Status.FAILED
    assert row.error
    assert row.error["code"] == "out-of-memory"
