"""What a repair is judged by: ACC, ASR, R-ACC and DER (docs/method.md).

All are shares in [0, 1] of predictions that :func:`predict` makes once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from polarizer.classifier import Classifier
from polarizer.errors import DatasetImagesError
from polarizer.images import LabelledImages


def predict(
    classifier: Classifier,
    images: LabelledImages,
    *,
    device: torch.device | str = "cpu",
    batch_size: int = 256,
) -> Tensor:
    """The predicted class of every image, int64 (N,) on the CPU; moves ``classifier`` there."""
    classifier = classifier.to(device)
    parts = [torch.empty(0, dtype=torch.int64)]
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            pixels = images.pixels(slice(start, start + batch_size)).to(device)
            parts.append(classifier(pixels).argmax(1).cpu())
    return torch.cat(parts)


def accuracy(predicted: Tensor, labels: Tensor) -> float:
    """ACC: the share of ``predicted`` (N,) that equals ``labels`` (N,)."""
    return _share(predicted == labels)


def per_class_accuracy(predicted: Tensor, labels: Tensor) -> dict[int, float]:
    """ACC of each class that occurs among ``labels``."""
    return {
        int(label): accuracy(predicted[labels == label], labels[labels == label])
        for label in torch.unique(labels)
    }


def attack_success_rate(predicted: Tensor, labels: Tensor, target: int) -> float:
    """ASR: the share of triggered images, of another true class, that go to ``target``."""
    return _share(predicted[labels != target] == target)


def recovered_accuracy(predicted: Tensor, labels: Tensor, target: int) -> float:
    """R-ACC: the share of triggered images, of another class, that are given their true class."""
    attacked = labels != target
    return _share(predicted[attacked] == labels[attacked])


def defense_effectiveness(
    *,
    accuracy_before: float,
    accuracy_after: float,
    attack_success_before: float,
    attack_success_after: float,
) -> float:
    """DER: ``(max(0, ASR drop) - max(0, ACC drop) + 1) / 2``; 1 is best, 0.5 is nothing gained."""
    removed = max(0.0, attack_success_before - attack_success_after)
    lost = max(0.0, accuracy_before - accuracy_after)
    return (removed - lost + 1) / 2


def _share(hits: Tensor) -> float:
    if not len(hits):
        raise DatasetImagesError("no image to measure on (of a class other than the target)")
    return hits.float().mean().item()
