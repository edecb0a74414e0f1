"""The algorithm as a whole, on a network that really holds a backdoor."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from polarizer.architectures import build
from polarizer.classifier import Classifier
from polarizer.config import Method, PurifyConfig
from polarizer.description import InputSpec, SmallCnn
from polarizer.images import LabelledImages
from polarizer.metrics import accuracy, attack_success_rate, predict
from polarizer.purification import purify

TARGET = 0
SPEC = InputSpec(channels=1, height=8, width=8, mean=(0.3,), std=(0.38,))


def triggered(images: LabelledImages) -> LabelledImages:
    """White 2x2 squares at the bottom right; the labels stay true."""
    marked = images.images.clone()
    marked[:, :, 6:, 6:] = 255
    return LabelledImages(marked, images.labels)


def digits() -> LabelledImages:
    found = pytest.importorskip("sklearn.datasets").load_digits()
    pixels = (torch.tensor(found.images) / 16 * 255).round().to(torch.uint8)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    return LabelledImages(pixels[:, None], torch.tensor(found.target).long()).select(order)


def backdoored(images: LabelledImages) -> Classifier:
    """Trained on ``images``, of which one in ten carries the trigger and the target's label."""
    poison = torch.arange(len(images)) % 10 == 0
    pixels = torch.where(poison[:, None, None, None], triggered(images).pixels(), images.pixels())
    labels = images.labels.where(~poison, TARGET)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(SmallCnn(channels=1, num_classes=10)).train()
        optimizer = torch.optim.Adam(network.parameters(), 2e-3)
        for _ in range(15):
            for batch in torch.randperm(len(pixels)).split(64):
                optimizer.zero_grad()
                cross_entropy(network((pixels[batch] - 0.3) / 0.38), labels[batch]).backward()
                optimizer.step()
    return Classifier(network, SPEC)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "loss"), [("stage", 0.03), ("deep", 0.08)])
def test_a_backdoor_is_removed_and_the_accuracy_kept(method: Method, loss: float) -> None:
    images = digits()
    clean, test, training = (
        images.select(torch.arange(start, stop))
        for start, stop in ((0, 200), (200, 600), (600, 1797))
    )
    suspect = backdoored(training)
    attack = triggered(test)

    repaired = purify(suspect, clean, PurifyConfig(method=method)).classifier

    before, after = (predict(model, test) for model in (suspect, repaired))
    hit_before, hit_after = (predict(model, attack) for model in (suspect, repaired))
    assert attack_success_rate(hit_before, test.labels, TARGET) >= 0.95
    assert attack_success_rate(hit_after, test.labels, TARGET) <= 0.05
    assert accuracy(after, test.labels) >= accuracy(before, test.labels) - loss
