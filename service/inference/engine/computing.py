"""One forward pass for the rows of a batch, and their most probable classes."""

from __future__ import annotations

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.errors import ModelValueError
from service.inference.engine.requests import Row
from service.inference.messages import Ranking


def compute(classifier: Classifier, rows: list[Row], device: torch.device) -> list[Ranking]:
    """The ranking of each row, as long as its request asked. Raises ModelValueError."""
    probabilities = predict(
        classifier, torch.stack([row.pixels.float() for row in rows]).to(device)
    )
    most = min(max(row.request.question.top for row in rows), probabilities.shape[1])
    values, indices = probabilities.topk(most)
    return [
        tuple(zip(ranked[: row.request.question.top], found, strict=False))
        for row, ranked, found in zip(rows, indices.tolist(), values.tolist(), strict=True)
    ]


@torch.inference_mode()
def predict(classifier: Classifier, images: Tensor) -> Tensor:
    """images ``(N, C, H, W)`` of 0 … 255 → probabilities ``(N, K)`` on the CPU."""
    logits = classifier(images.div(255))
    probabilities: Tensor = logits.float().softmax(dim=1).cpu()
    if not probabilities.isfinite().all():
        raise ModelValueError("the network answers with numbers that are not finite")
    return probabilities
