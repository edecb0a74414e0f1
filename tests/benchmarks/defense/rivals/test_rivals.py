"""What holds for every rival."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch.nn.functional import cross_entropy

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.rivals import RIVALS, make_rival
from benchmarks.defense.rivals.fine_tuning import FineTuning
from benchmarks.defense.rivals.ft_sam import FtSam
from benchmarks.defense.rivals.i_bau import ImplicitUnlearning
from benchmarks.defense.rivals.outcome import Outcome, Rival
from benchmarks.defense.rivals.training import trainable_copy
from polarizer.classifier import Classifier
from polarizer.description import InputSpec
from polarizer.metrics import accuracy, predict

CPU = torch.device("cpu")
OWN = [name for name in RIVALS if name != "official_npd"]


def repair(name: str, bench: Backdoored, share: float = 0.1) -> Outcome:
    generator = torch.Generator().manual_seed(0)
    return make_rival(name, share=share).repair(bench.classifier, bench.clean, CPU, generator)


@pytest.mark.parametrize("name", OWN)
def test_the_model_given_stays_as_it_was(name: str, bench: Backdoored) -> None:
    before = deepcopy(bench.classifier.state_dict())
    outcome = repair(name, bench)
    assert all(torch.equal(before[key], now) for key, now in bench.classifier.state_dict().items())
    assert not any(parameter.requires_grad for parameter in bench.classifier.parameters())
    assert outcome.classifier is not None
    after = outcome.classifier.state_dict()
    assert any(not torch.equal(before[key], now) for key, now in after.items())


@pytest.mark.parametrize("name", OWN)
def test_the_result_is_frozen_in_evaluation_mode_and_finite(name: str, bench: Backdoored) -> None:
    classifier = repair(name, bench).classifier
    assert classifier is not None
    assert not any(module.training for module in classifier.modules())
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    assert all(value.isfinite().all() for value in classifier.state_dict().values())


@pytest.mark.parametrize("name", OWN)
def test_equal_seeds_give_equal_results(name: str, bench: Backdoored) -> None:
    first, second = (repair(name, bench, share=0.01).classifier for _ in range(2))
    assert first is not None
    assert second is not None
    second_state = second.state_dict()
    assert all(torch.equal(second_state[key], value) for key, value in first.state_dict().items())


@pytest.mark.parametrize(("name", "share"), [("ft", 0.1), ("ft_sam", 0.1), ("i_bau", 0.1)])
def test_the_share_that_was_done_is_told(name: str, share: float, bench: Backdoored) -> None:
    assert repair(name, bench, share=share).share == pytest.approx(share)
    assert repair(name, bench, share=1e-6).share in (0.01, 0.02)


@pytest.mark.parametrize(
    "rival",
    [
        FineTuning(epochs=25, learning_rate=0.1),
        FtSam(epochs=25, learning_rate=0.1),
        # the toy's losses are so flat that the published reach finds no perturbation
        ImplicitUnlearning(rounds=10, steps=2, learning_rate=1e-3, inner_rate=100, bound=30),
    ],
)
def test_they_lower_attack_success(rival: Rival, bench: Backdoored) -> None:
    before = accuracy(predict(bench.classifier, bench.triggered), bench.targets)
    assert before > 0.9
    generator = torch.Generator().manual_seed(0)
    outcome = rival.repair(bench.classifier, bench.clean, CPU, generator)
    assert outcome.classifier is not None
    assert accuracy(predict(outcome.classifier, bench.triggered), bench.targets) < before - 0.05


def test_an_unknown_rival_and_a_missing_checkout_are_named() -> None:
    with pytest.raises(ValueError, match="ft_sam"):
        make_rival("sam")
    with pytest.raises(ValueError, match="--backdoorbench"):
        make_rival("official_npd")


def test_the_gradient_of_ft_sam_is_that_at_the_worst_weights(bench: Backdoored) -> None:
    """One step by hand: at w + rho T² g / |T g|, back at w afterwards."""
    pixels, labels = bench.clean.pixels(slice(0, 32)), bench.clean.labels[:32]
    tuned, moved = (trainable_copy(bench.classifier, CPU) for _ in range(2))
    cross_entropy(moved(pixels), labels).backward()
    weights = list(moved.parameters())
    scaled = [weight.abs() * weight.grad for weight in weights]
    length = sum(part.square().sum() for part in scaled) ** 0.5
    with torch.no_grad():
        for weight, part in zip(weights, scaled, strict=True):
            weight.add_(0.5 * weight.abs() * part / length)
            weight.grad = None
    cross_entropy(moved(pixels), labels).backward()
    FtSam(rho=0.5).set_gradients(tuned, pixels, labels)
    for weight, there, base in zip(
        tuned.parameters(), weights, bench.classifier.parameters(), strict=True
    ):
        torch.testing.assert_close(weight.grad, there.grad, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(weight.detach(), base)


def test_the_implicit_gradient_agrees_with_differences() -> None:
    """One fixed-point step: L at d, and along its slope what a step of ascent in d adds."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3, bias=False)).double()
    spec = InputSpec(channels=1, height=4, width=4, mean=(0.0,), std=(1.0,))
    classifier = Classifier(network, spec).double().requires_grad_(True)
    pixels, labels = torch.rand(8, 1, 4, 4).double(), torch.randint(3, (8,))
    delta = (0.1 * torch.randn(1, 1, 4, 4).double()).requires_grad_()
    unlearning = ImplicitUnlearning(fixed_point_steps=1, step=0.1)
    unlearning.set_hypergradients(classifier, delta, pixels, labels)
    weight = network[1].weight

    def loss_and_slope(at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss = cross_entropy((pixels + delta).flatten(1) @ at.T, labels)
        return loss, torch.autograd.grad(loss, delta, retain_graph=True)[0]

    base = weight.detach()
    _, direct = loss_and_slope(base)
    for place in ((0, 0), (1, 7), (2, 15)):
        move = torch.zeros_like(base)
        move[place] = 1e-5
        (up, up_slope), (down, down_slope) = (
            loss_and_slope(base + move),
            loss_and_slope(base - move),
        )
        expected = (up - down + 0.1 * (direct * (up_slope - down_slope)).sum()).item() / 2e-5
        assert weight.grad[place].item() == pytest.approx(expected, rel=1e-4)
