"""What single attacks do beyond poisoning: adversarial images, and training against the defense."""

import torch
from torch.nn.functional import cross_entropy

from benchmarks.attacks.foresight import SimulatedDefender
from benchmarks.attacks.hardening import hardened
from polarizer.classifier import Classifier
from polarizer.images import LabelledImages
from tests.polarizer.models import description, network


def _images():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (12, 1, 8, 8), dtype=torch.uint8, generator=generator)
    return LabelledImages(pixels, torch.arange(12) % 3)


def _classifier():
    return Classifier(network(), description().input)


def test_hardening_changes_target_images_only_within_the_bound_and_costs_confidence():
    images, classifier = _images(), _classifier()
    harder = hardened(images, classifier, target=1)
    change = (harder.images.int() - images.images.int()).abs().flatten(1).amax(1)
    assert torch.equal(change > 0, images.labels == 1)
    assert change.max() <= 16
    chosen = images.labels == 1
    losses = [
        cross_entropy(classifier(each.pixels(chosen)), images.labels[chosen])
        for each in (images, harder)
    ]
    assert losses[1] > losses[0]


def test_a_simulated_repair_is_there_within_the_block_and_gone_after_it():
    images, classifier = _images(), _classifier()
    module = classifier.module.requires_grad_().train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    defender = SimulatedDefender(classifier, torch.Generator().manual_seed(0), torch.enable_grad)
    pixels = images.pixels()
    with defender(pixels, images.labels):
        assert not torch.equal(module.conv3.weight, before["conv3.weight"])
        classifier(pixels).sum().backward()
    assert module.training
    assert module.conv1.weight.grad.norm() > 0
    assert module.conv3.weight.grad.norm() > 0
    after = module.state_dict()
    weights = [name for name in before if name.endswith(("weight", "bias"))]
    assert all(torch.equal(after[name], before[name]) for name in weights)
    assert after.keys() == before.keys()
