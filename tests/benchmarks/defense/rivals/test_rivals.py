"""What holds for every rival."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch.nn.functional import cross_entropy

from benchmarks.attacks.backdoored import Backdoored
from benchmarks.defense.rivals import RIVALS, make_rival
from benchmarks.defense.rivals.outcome import Outcome
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


@pytest.mark.parametrize(("name", "share"), [("ft", 0.1), ("ft_sam", 0.1), ("i_bau", 1 / 3)])
def test_the_share_that_was_done_is_told(name: str, share: float, bench: Backdoored) -> None:
    assert repair(name, bench, share=share).share == pytest.approx(share)
    assert repair(name, bench, share=1e-6).share in (pytest.approx(0.01), pytest.approx(1 / 3))


@pytest.mark.parametrize("name", OWN)
def test_they_lower_attack_success(name: str, bench: Backdoored) -> None:
    before = accuracy(predict(bench.classifier, bench.triggered), bench.targets)
    assert before > 0.9
    outcome = repair(name, bench, share=1.0)
    assert outcome.classifier is not None
    assert accuracy(predict(outcome.classifier, bench.triggered), bench.targets) < before - 0.1


def test_an_unknown_rival_and_a_missing_checkout_are_named() -> None:
    with pytest.raises(ValueError, match="ft_sam"):
        make_rival("sam")
    with pytest.raises(ValueError, match="--backdoorbench"):
        make_rival("official_npd")


def test_the_gradient_of_ft_sam_is_that_at_the_worst_weights(bench: Backdoored) -> None:
    """One step by hand: at w + rho T² g / |T g|, back at w afterwards."""
    from benchmarks.defense.rivals.ft_sam import FtSam
    from benchmarks.defense.rivals.training import trainable_copy

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
    """On L = (w d - 1)² (the network) one fixed-point iteration is exact to hand calculation."""
    from benchmarks.defense.rivals.i_bau import ImplicitUnlearning
    from polarizer.classifier import Classifier
    from polarizer.description import InputSpec

    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3, bias=False)).double()
    spec = InputSpec(channels=1, height=4, width=4, mean=(0.0,), std=(1.0,))
    classifier = Classifier(network, spec).double().requires_grad_(True)
    pixels, labels = torch.rand(8, 1, 4, 4).double(), torch.randint(3, (8,))
    delta = (0.1 * torch.randn(1, 1, 4, 4).double()).requires_grad_()
    unlearning = ImplicitUnlearning(fixed_point_steps=1, step=0.1)
    unlearning.set_hypergradients(classifier, delta, pixels, labels)
    weight = network[1].weight
    got = weight.grad.clone()

    def total(at: torch.Tensor) -> torch.Tensor:
        """L at d + what d gains when it follows one step of ascent, direction held fixed."""

        def loss(d: torch.Tensor) -> torch.Tensor:
            return cross_entropy((pixels + d).flatten(1) @ at.T, labels)

        d = delta.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss(d), d, create_graph=True)
        followed = delta.detach() + 0.1 * (slope - 0.002 * delta.detach())
        return loss(delta.detach()) + (direct * followed).sum()

    d = delta.detach().requires_grad_()
    (direct,) = torch.autograd.grad(
        cross_entropy((pixels + d).flatten(1) @ weight.detach().T, labels), d
    )
    for row, column in ((0, 0), (1, 7), (2, 15)):
        move = torch.zeros_like(weight)
        move[row, column] = 1e-5
        with torch.enable_grad():
            difference = total(weight.detach() + move) - total(weight.detach() - move)
        assert float(difference / 2e-5) == pytest.approx(float(got[row, column]), rel=1e-4)
