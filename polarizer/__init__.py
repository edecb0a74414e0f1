"""Neural polarizers: repair a backdoored image classifier from a few clean images.

Names are loaded on first use, so that :mod:`polarizer.config` and :mod:`polarizer.description`
can be imported where torch is not installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Classifier": "classifier",
    "LabelledImages": "images",
    "ModelDescription": "description",
    "PolarizerError": "errors",
    "Purification": "purification",
    "PurifyConfig": "config",
    "build": "architectures",
    "load_artefact": "artefact",
    "load_classifier": "checkpoints",
    "purify": "purification",
    "read_checkpoint": "checkpoints",
    "read_images": "datasets",
    "save_artefact": "artefact",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
