"""Trigger-free evidence: what can be said of a repair without knowing the attack's trigger.

Names are loaded on first use: the configuration and the results need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "ClassEvidence": "results",
    "Control": "results",
    "Evidence": "results",
    "EvidenceConfig": "config",
    "Verdict": "results",
    "examine": "examination",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
