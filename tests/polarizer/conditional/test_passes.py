from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from polarizer.alarm.pairing import pair
from polarizer.classifier import Classifier
from polarizer.conditional.layer import Base, attach_conditioned, conditioned
from polarizer.conditional.passes import answer, both_answers, logits_of
from polarizer.config import Method
from polarizer.errors import ConfigError
from tests.polarizer.networks import CLASSES, SPEC, TinyCnn, tiny_classifier

IMAGES = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Counting(nn.Module):
    """Adds one, in place if told to, and counts its calls."""

    def __init__(self, *, in_place: bool = False) -> None:
        super().__init__()
        self.calls = 0
        self.in_place = in_place

    def forward(self, features: Tensor) -> Tensor:
        self.calls += 1
        return features.add_(1) if self.in_place else features + 1


class Awkward(TinyCnn):
    """Modules that are shared, listed or called twice; features that are changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = Counting()
        self.listed = nn.ModuleList([Counting(in_place=True), nn.Sequential(self.shared)])
        self.after = Counting()

    def forward(self, images: Tensor) -> SimpleNamespace:  # type: ignore[override]
        features = self.shared(self.norm(self.entry(images)))
        for module in self.listed:
            features = module(features)
        kept = features
        kept *= 0.5
        features = self.shared(self.down(features))
        kept += 1
        features = (
            self.after(self.depthwise(features.relu()).relu()) + kept.mean((2, 3))[..., None, None]
        )
        return SimpleNamespace(logits=self.head(features.mean((2, 3))))


def polarized(network: TinyCnn, layer: str = "down") -> nn.Module:
    """With a polarizer that was moved, and a head that knows no favourite class."""
    network.eval()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(2)
        network.head.bias.sub_(logits_of(network(IMAGES.clone())).mean(0))
        wrapper = attach_conditioned(network, layer, Method.R_CNPD, CLASSES)
        nn.init.normal_(wrapper.polarizer.deviations, std=0.5)  # type: ignore[arg-type]
    return network.eval()


def awkward(layer: str = "down") -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return polarized(Awkward(), layer)


@pytest.mark.parametrize("layer", ["entry", "down", "depthwise", "head"])
def test_the_answers_are_those_of_two_whole_passes(layer: str) -> None:
    network = awkward(layer)
    with conditioned(network, Base.BASE):
        base = network(IMAGES.clone()).logits
    with conditioned(network, base.argmax(1)):
        purified = network(IMAGES.clone()).logits

    answers = both_answers(network, IMAGES)

    assert torch.equal(answers[0], purified)
    assert torch.equal(answers[1], base)
    assert torch.equal(answer(network, IMAGES), purified)
    assert len(base.argmax(1).unique()) > 1


def test_what_comes_before_the_layer_runs_once() -> None:
    network = awkward()
    counters = [module for module in network.modules() if isinstance(module, Counting)]
    before = [counter.calls for counter in counters]
    both_answers(network, IMAGES)
    calls = [counter.calls - earlier for counter, earlier in zip(counters, before, strict=True)]
    assert calls == [2 + 2, 1, 2]  # shared: twice before, once after; the in-place one; the last


def test_another_class_gives_another_answer() -> None:
    network = awkward()
    answers = []
    for number in range(CLASSES):
        with conditioned(network, torch.full((len(IMAGES),), number)):
            answers.append(answer(network, IMAGES))
    assert not torch.allclose(answers[0], answers[1])
    assert not torch.allclose(answers[1], answers[2])


def test_gradients_reach_pixels_and_polarizer_but_not_by_way_of_the_class() -> None:
    network = awkward().requires_grad_(False)
    network.down.polarizer.requires_grad_(True)  # type: ignore[union-attr]
    images = IMAGES.clone().requires_grad_()
    purified, base = both_answers(network, images)
    purified.sum().backward()
    from_both = images.grad

    images.grad = None
    with conditioned(network, base.argmax(1)):
        answer(network, images).sum().backward()

    assert from_both is not None
    assert torch.allclose(from_both, images.grad, atol=1e-6)
    assert network.down.polarizer.deviations.grad.abs().sum() > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("broken", ["entry", "head"])
def test_no_module_is_left_with_a_memory(broken: str) -> None:
    network = awkward()
    both_answers(network, IMAGES)
    setattr(network, broken, nn.Linear(1, 1))
    with pytest.raises(RuntimeError):
        both_answers(network, IMAGES)
    assert not any("forward" in module.__dict__ for module in network.modules())
    with pytest.raises(Exception, match="was not told a class"):
        network.down(torch.rand(8, 8, 4, 4))  # type: ignore[operator]


def test_a_classifier_gives_both_answers_and_the_alarm_takes_them() -> None:
    network = polarized(TinyCnn())
    classifier = Classifier(network, SPEC)
    purified, base = classifier.answers(IMAGES)
    assert torch.equal(classifier(IMAGES), purified)
    assert not torch.equal(purified, base)
    assert torch.equal(pair(classifier, tiny_classifier())(IMAGES), torch.cat([purified, base]))
    with pytest.raises(ConfigError, match="one answer"):
        tiny_classifier().answers(IMAGES)


def test_it_is_not_traced_into_a_network_of_fixed_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.jit, "is_tracing", lambda: True)
    with pytest.raises(ConfigError, match="cannot be traced"):
        answer(polarized(TinyCnn()), IMAGES)


def test_a_compiler_leaves_it_out() -> None:
    network, graphs = polarized(TinyCnn()), []

    def keep(graph: torch.fx.GraphModule, _inputs: object) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(lambda images: answer(network, images), backend=keep)
    for images in (IMAGES, 1 - IMAGES):  # of other classes
        assert torch.allclose(compiled(images), answer(network, images))
    assert not any("conv" in str(node.target) for graph in graphs for node in graph.graph.nodes)


def test_threads_do_not_disturb_each_other() -> None:
    network = polarized(TinyCnn())
    batches = [torch.rand(4, 3, 8, 8) for _ in range(12)]
    expected = [answer(network, batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda batch: answer(network, batch), batches))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(expected, together, strict=True))
