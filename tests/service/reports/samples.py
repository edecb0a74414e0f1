"""A report with everything in it, and the same with next to nothing."""

from __future__ import annotations

import base64
import math
from typing import Any

from service.defenses.report import Report

CLASSES = ("airplane", "automobile", "bird", "cat", "deer")
_DIGEST = "ab" * 32
_NOTHING: dict[str, Any] = {
    "defense_id": "def_01",
    "attempt": 1,
    "model": {
        "architecture": {"name": "small_cnn", "num_classes": 5},
        "input": {"height": 32, "width": 32, "mean": [0.5] * 3, "std": [0.25] * 3},
        "classes": CLASSES,
    },
    "config": {"seed": 7},
    "target_class": None,
    "layers": ["conv3"],
    "trigger_norm": 1.5,
    "steps": 100,
    "purify_seconds": 75.2,
    "numbers": {},
    "measured_on": "held_out",
    "inputs": {},
    "images": {},
    "artefact": {"sha256": _DIGEST, "size": 4_800_000},
    "warnings": [],
    "remarks": ["The backdoor is suppressed in the weights."],
    "device": "cpu",
    "versions": {"torch": "2.13.0"},
}


def nothing(**changes: Any) -> Report:
    """What the oldest report holds: no measurement but the time."""
    return Report.model_validate(_NOTHING | changes)


def everything(classes: tuple[str, ...] = CLASSES, **changes: Any) -> Report:
    """A repair of a backdoored model, asked everything about."""
    model = _NOTHING["model"] | {
        "classes": classes,
        "architecture": {"name": "small_cnn", "num_classes": len(classes)},
    }
    shares = {"asr_before": 0.03, "asr_after": 0.2, "won_back": 0.1}
    reactivation = shares | {"without_trigger": 0.05, "control": 0.1}
    whole: dict[str, Any] = {
        "model": model,
        "method": "deep",
        "target_class": classes[0],
        "layers": [f"layer{i}.conv" for i in range(12)],
        "measured_on": "test",
        "numbers": {
            "accuracy_before": 0.931,
            "accuracy_after": 0.918,
            "attack_success_before": 0.987,
            "attack_success_after": 0.013,
            "recovered_accuracy_before": 0.012,
            "recovered_accuracy_after": 0.874,
            "defense_effectiveness": 0.9805,
            "won_back": 0.1,
        },
        "by_class": [
            {"label": i, "images": 100, "right_before": 95 - i % 9, "right_after": 93 - 2 * (i % 9)}
            for i in range(len(classes))
        ],
        "confusion": {"before": _matrix(len(classes), 90), "after": _matrix(len(classes), 80)},
        "evidence": evidence(len(classes)),
        "surrogates": [surrogate(0), surrogate(2)],
        "losses": [
            {"step": step, "losses": {"total": 3 * decay, "clean": decay, "consistency": 2 * decay}}
            for step in range(1, 101, 3)
            for decay in [math.exp(-step / 30)]
        ],
        "movement": [{"name": f"layer{i}.weight", "moved": 0.05 * i} for i in range(6)],
        "timings": {"validating": 0.4, "measuring": 3.1, "purifying": 75.2, "evaluating": 12.0},
        "attack_tests": [
            {
                "test": "reactivation",
                "bound": 0.03,
                "gradient_steps": 50,
                "queries": 0,
                "searched_on": 50,
                "measured_on": 200,
                "purified": reactivation,
                "base": reactivation | {"asr_before": 0.98, "asr_after": 1.0, "won_back": 0.02},
                "seconds": 8.0,
            },
            {
                "test": "retuning",
                "poisoned": 10,
                "clean": 200,
                "epochs": 2,
                "learning_rate": 0.01,
                "measured_on": 200,
                "purified": shares
                | {"new_trigger": 0.1, "accuracy_before": 0.9, "accuracy_after": 0.9},
                "base": shares
                | {"new_trigger": 0.1, "accuracy_before": 0.9, "accuracy_after": None},
                "seconds": 9.0,
            },
        ],
        "clean_set": {
            "images": 500,
            "looked_at": 500,
            "agreement": 0.94,
            "confidence": 0.97,
            "wrong_labels": 0.03,
            "near_duplicates": 0.01,
            "shift": 0.2,
            "findings": [
                {
                    "code": "wrong-labels",
                    "severity": "warning",
                    "message": "15 images seem to have a wrong label",
                    "count": 15,
                    "label": 3,
                    "examples": [4, 9],
                }
            ],
        },
        "inputs": {
            "model": {"sha256": _DIGEST, "size": 4_800_000, "filename": "resnet.safetensors"},
            "clean": {"sha256": _DIGEST, "size": 900_000, "filename": None},
        },
        "images": {
            "clean": {
                "source_format": "npz",
                "images": 500,
                "per_class": dict.fromkeys(classes, 100),
                "resized": 0,
                "damaged": 2,
            },
            "test": {
                "source_format": "zip of folders",
                "images": 500,
                "per_class": dict.fromkeys(classes, 100),
                "resized": 500,
                "damaged": 0,
            },
        },
        "alarm": {"threshold": 4.25, "images": 50, "flagged": 0, "rate": 0.02},
        "warnings": [
            {"code": "wrong-labels", "message": "15 images seem to have a wrong label"},
            {"code": "damaged-images", "message": "2 images could not be read"},
        ],
        "device": "NVIDIA H200",
    }
    return Report.model_validate(_NOTHING | whole | changes)


def evidence(classes: int, verdict: str = "closed", **changes: Any) -> dict[str, Any]:
    """Class 0 has a way in."""
    return {
        "verdict": verdict,
        "words": f"The way into class 0 is {verdict}.",
        "suspects": [0],
        "classes": [
            {
                "label": i,
                "norm_before": 0.4 if i == 0 else 1.8 + 0.1 * i,
                "norm_after": 2.1 + 0.1 * i,
                "anomaly_before": 5.0 if i == 0 else -0.3,
                "anomaly_after": 0.1,
                "gain": 1.2,
                "surrogate_norm": 0.6,
                "flips_before": 0.96 if i == 0 else 0.2,
                "flips_after": 0.04,
                "new_flips": 0.05,
                **(
                    {"patch_before": 0.98, "patch_after": 0.013, "new_patch": 0.27} if i < 2 else {}
                ),
            }
            for i in range(classes)
        ],
        "known_classes": classes,
        "control": {"norm": 2.0, "flips_before": 0.3, "flips_after": 0.2, "new_flips": 0.25},
        "images": 200,
        "bound": 2.0,
        "seconds": 31.0,
    } | changes


def surrogate(label: int, side: int = 16) -> dict[str, Any]:
    """Grey with a bright corner."""
    pixels = bytearray(b"\x80" * (3 * side * side))
    for row in range(side - 4, side):
        for column in range(side - 4, side):
            at = 3 * (row * side + column)
            pixels[at : at + 3] = (255, 255, 40 * (label % 6))
    encoded = base64.b64encode(pixels).decode()
    return {"label": label, "height": side, "width": side, "pixels": encoded}


def _matrix(classes: int, right: int) -> list[list[int]]:
    rest = 100 - right
    return [
        [right if i == j else rest if j == (i + 1) % classes else 0 for j in range(classes)]
        for i in range(classes)
    ]
