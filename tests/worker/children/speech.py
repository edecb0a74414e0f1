"""What the scripts share: the job, and a voice."""

import json
import select
import sys
from pathlib import Path
from typing import Any

select.select([0], [], [])  # until the worker says that there is a job
JOB: dict[str, Any] = json.loads(Path("job.json").read_text())


def say(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def artefact(content: bytes) -> None:
    Path("out/model.safetensors").write_bytes(content)


def report(**changes: Any) -> None:
    """A valid report, apart from ``changes``."""
    whole = {
        "schema_version": 1,
        "defense_id": "def_of_somebody_else",
        "attempt": 77,
        "model": {
            "architecture": {"name": "small_cnn", "channels": 1, "num_classes": 2},
            "input": {"channels": 1, "height": 8, "width": 8, "mean": [0], "std": [1]},
            "classes": ["a", "b"],
        },
        "config": {"seed": 99},
        "target_class": None,
        "layers": ["conv3"],
        "trigger_norm": 1.0,
        "steps": 2,
        "purify_seconds": 0.1,
        "numbers": {"accuracy_before": 0.9, "accuracy_after": 0.8},
        "measured_on": "held_out",
        "inputs": {},
        "images": {},
        "artefact": {"sha256": "0" * 64, "size": 1},
        "warnings": [],
        "remarks": [],
        "device": "cpu",
        "versions": {},
    }
    Path("out/report.json").write_text(json.dumps(whole | changes))
