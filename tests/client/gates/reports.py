"""A report as the service writes it, and changes to it."""

from __future__ import annotations

import copy
from typing import Any

_CLASS = {
    "norm_before": 1.0,
    "norm_after": 2.0,
    "anomaly_before": 3.0,
    "anomaly_after": 0.1,
    "gain": 0.5,
    "surrogate_norm": 1.0,
}
REPORT: dict[str, Any] = {
    "schema_version": 1,
    "defense_id": "def_1",
    "method": "stage",
    "target_class": "squares",
    "layers": ["conv3"],
    "steps": 100,
    "purify_seconds": 12.5,
    "numbers": {
        "accuracy_before": 0.95,
        "accuracy_after": 0.94,
        "attack_success_before": 0.99,
        "attack_success_after": 0.02,
        "recovered_accuracy_after": None,
    },
    "evidence": {
        "verdict": "closed",
        "words": "A backdoor was found, and is closed.",
        "suspects": [2],
        "classes": [
            _CLASS | {"label": 1, "flips_before": 0.5, "flips_after": 0.4, "new_flips": 0.4},
            _CLASS | {"label": 2, "flips_before": 0.9, "flips_after": 0.03, "new_flips": 0.05},
        ],
    },
    "clean_set": {
        "shift": 0.4,
        "findings": [{"severity": "serious"}, {"severity": "note"}],
    },
    "measured_on": "test",
    "images": {"clean": {"images": 120, "damaged": 1}, "test": {"images": 90, "damaged": 2}},
    "alarm": {"rate": 0.01},
    "warnings": [{"code": "x", "message": "y"}],
}


def report(**changes: Any) -> dict[str, Any]:
    """A copy, with changes at its top level."""
    return copy.deepcopy(REPORT) | changes
