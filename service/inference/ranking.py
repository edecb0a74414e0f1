"""From logits to the most probable classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from service.inference.messages import Ranking
from service.inference.rows import Answer, Ranked


def is_finite(logits: bytes) -> bool:
    """Whether float32 ``logits`` hold neither NaN nor infinity."""
    return bool(np.isfinite(np.frombuffer(logits, dtype="<f4")).all())


def ranked(answer: Answer, top: int) -> list[Ranked]:
    """The ``top`` classes of each row."""
    rankings = _rankings(answer.logits, answer.classes, top)
    if answer.base_logits is None or answer.flagged is None:
        return [Ranked(ranking) for ranking in rankings]
    bases = _rankings(answer.base_logits, answer.classes, top)
    return [Ranked(*each) for each in zip(rankings, bases, answer.flagged, strict=True)]


def _rankings(logits: bytes, classes: int, top: int) -> list[Ranking]:
    table = _probabilities(np.frombuffer(logits, dtype="<f4").reshape(-1, classes))
    indices = np.argsort(-table, axis=1, kind="stable")[:, :top]
    values = np.take_along_axis(table, indices, axis=1)
    pairs = zip(indices.tolist(), values.tolist(), strict=True)
    return [tuple(zip(found, likely, strict=True)) for found, likely in pairs]


def _probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """The softmax of each row."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    table: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return table
