"""What runs in the whole sandbox: a network of Hugging Face's, and a repair without a service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from confinement import Mode, missing_parts
from polarizer.architectures import build, parse_architecture
from polarizer.artefact import load_artefact
from service.defenses.states import Status
from tests.worker import samples
from tests.worker.conftest import Bench
from tests.worker.test_local import ROOT, order

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing_parts()), reason=f"this kernel lacks {', '.join(missing_parts())}"
    ),
]

RESNET: dict[str, Any] = {
    "name": "huggingface",
    "num_classes": 3,
    "config": {
        "model_type": "resnet",
        "num_channels": 1,
        "embedding_size": 4,
        "hidden_sizes": [8, 8],
        "depths": [1, 1],
        "layer_type": "basic",
    },
}


def test_a_network_of_hugging_faces(bench: Bench) -> None:
    description = samples.DESCRIPTION.model_dump(mode="json") | {"architecture": RESNET}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = build(parse_architecture(RESNET)).state_dict()
    weights = {name: tensor.contiguous() for name, tensor in state.items()}
    request = samples.request() | {"description": description}
    defense = bench.queued(samples.inputs() | {"model": save(weights)}, **request)
    bench.runner("real", sandbox=Mode.REQUIRE).run(defense)
    row = bench.row(defense)
    assert row.status == Status.SUCCEEDED, row.error
    (model,) = bench.models()
    path = bench.settings.data_dir / "model.safetensors"
    bench.blobs.fetch(model.blob, path)
    assert load_artefact(path).description.architecture.name == "huggingface"


def test_a_repair_without_a_service(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "worker.local"],
        input=order(tmp_path),
        cwd=tmp_path,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "POLARIZER_DEVICE": "cpu",
            "POLARIZER_SANDBOX": "require",
        },
        capture_output=True,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (events[-1], done.stderr.decode())
    assert load_artefact(tmp_path / "out" / "model.safetensors").description == samples.DESCRIPTION
