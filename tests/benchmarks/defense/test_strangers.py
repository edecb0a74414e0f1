"""Triggers on a network that never saw them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.strangers import compare
from polarizer.architectures import build
from polarizer.classifier import Classifier
from polarizer.description import SmallCnn
from tests.benchmarks.defense.conftest import CLASSES, bars


@pytest.fixture(scope="module")
def stranger(bench: Backdoored) -> Backdoored:
    """The same images without the corner."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build(SmallCnn(width=8, channels=1, num_classes=CLASSES)).train()
    training = bars(256, seed=1)
    pixels = (training.pixels() - 0.3) / 0.3
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(60):
        cross_entropy(network(pixels), training.labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return replace(bench, name="stranger", classifier=Classifier(network, bench.classifier.spec))


def test_a_backdoor_is_of_the_network_that_has_it(bench: Backdoored, stranger: Backdoored) -> None:
    (found,) = compare(stranger, [bench])
    assert (found.model, found.stranger) == ("bars", "stranger")
    assert found.attack_success > 0.9
    assert found.by_stranger < 0.5 < found.recovered_by_stranger
    assert found.recovered < 0.1


def test_a_network_for_other_images_is_refused(bench: Backdoored, stranger: Backdoored) -> None:
    spec = stranger.classifier.spec.model_copy(update={"mean": (0.9,)})
    other = replace(stranger, classifier=Classifier(stranger.classifier.module, spec))
    with pytest.raises(ValueError, match="stranger and bars take different images"):
        list(compare(other, [bench]))
