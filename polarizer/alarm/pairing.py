"""Two classifiers in one pass: what they share runs once, what differs runs for both.

Where the first layer that differs is reached the batch is doubled; from there on its first half is
the purified model's and its second half the base model's. A layer that both share takes the doubled
batch as it is; one that differs takes each half with its own weights. So no graph is needed, and
any network will do: doubling may happen at the first changed layer itself, or, where a shortcut
passes that by, at the block around it, at worst at the network's input. Which of these is right is
found by trying, from the innermost on. If none is, both networks run whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from polarizer.classifier import Classifier
from polarizer.conditional.layer import conditioned_layers

TOLERANCE = 1e-4
_ROOT = "module"


class Paired(nn.Module):
    """A layer that differs: ``(2N, …)`` → ``(2N, …)``, each half by its own."""

    def __init__(self, purified: nn.Module, base: nn.Module) -> None:
        super().__init__()
        self.purified = purified
        self.base = base

    def forward(self, features: Tensor, *args: Any, **kwargs: Any) -> Tensor:  # noqa: ANN401
        """For layers of one tensor; what else they take is passed to both."""
        half = features.shape[0] // 2
        ours, theirs = features[:half], features[half:]
        return torch.cat([self.purified(ours, *args, **kwargs), self.base(theirs, *args, **kwargs)])


class Fork(nn.Module):
    """Doubles the batch before ``inner``: ``(N, …)`` → what ``inner`` makes of ``(2N, …)``."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, features: Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Whatever ``inner`` returns."""
        count = len(features)

        def doubled(value: Any) -> Any:  # noqa: ANN401
            has_batch = isinstance(value, Tensor) and value.ndim and len(value) == count
            return torch.cat([value, value]) if has_batch else value

        kwargs = {name: doubled(value) for name, value in kwargs.items()}
        return self.inner(doubled(features), *map(doubled, args), **kwargs)


class SideBySide(nn.Module):
    """Two whole passes, for networks that cannot share any."""

    def __init__(self, purified: Classifier, base: Classifier) -> None:
        super().__init__()
        self.purified = purified
        self.base = base

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → ``(2N, K)``."""
        return torch.cat([self.purified(pixels), self.base(pixels)])


class Conditioned(nn.Module):
    """A classifier whose polarizer is told the base model's class, and so computes both anyway."""

    def __init__(self, purified: Classifier) -> None:
        super().__init__()
        self.purified = purified

    def forward(self, pixels: Tensor) -> Tensor:
        """``(N, C, H, W)`` in [0, 1] → ``(2N, K)``."""
        return torch.cat(self.purified.answers(pixels))


def pair(purified: Classifier, base: Classifier) -> nn.Module:
    """A network that answers ``(2N, K)`` to pixels ``(N, C, H, W)``: the logits of ``purified``,
    then those of ``base``. It takes both apart, so neither is to be used any more.

    Both must be of one architecture, and on one device.
    """
    both = beside(purified, base)
    if isinstance(both, Conditioned):
        return both
    pixels = _probe(purified)
    with torch.inference_mode():
        expected = both(pixels)
    changed = {name: purified.get_submodule(name) for name in _changed(purified, base, "")}
    first = _first_called(purified, list(changed), pixels)
    for name, module in changed.items():
        purified.set_submodule(name, Paired(module, base.get_submodule(name)))
    for place in _from_inside(first):
        inner = purified.get_submodule(place)
        purified.set_submodule(place, Fork(inner))
        if _agrees(purified, pixels, expected):
            return purified
        purified.set_submodule(place, inner)
    for name, module in changed.items():
        purified.set_submodule(name, module)
    return both


def beside(purified: Classifier, base: Classifier) -> nn.Module:
    """The same answers without anything shared: for runtimes that see the graph, and so find by
    themselves what both compute."""
    return Conditioned(purified) if conditioned_layers(purified) else SideBySide(purified, base)


def _probe(classifier: Classifier) -> Tensor:
    """Three images of noise: an odd number, so that a wrong doubling cannot go unnoticed."""
    spec = classifier.spec
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand((3, spec.channels, spec.height, spec.width), generator=generator)
    return pixels.to(classifier.mean.device)


def _changed(purified: nn.Module, base: nn.Module, name: str) -> Iterator[str]:
    """Names of the smallest modules that differ."""
    if type(purified) is not type(base) or not _same_tensors(purified, base):
        yield name
        return
    for child, module in purified.named_children():
        where = f"{name}.{child}" if name else child
        yield from _changed(module, base.get_submodule(child), where)


def _same_tensors(purified: nn.Module, base: nn.Module) -> bool:
    """Whether their own tensors, not those of their children, are equal."""
    ours, theirs = (
        {**dict(each.named_parameters(recurse=False)), **dict(each.named_buffers(recurse=False))}
        for each in (purified, base)
    )
    return ours.keys() == theirs.keys() and all(
        torch.equal(tensor, theirs[name]) for name, tensor in ours.items()
    )


def _first_called(classifier: Classifier, names: list[str], pixels: Tensor) -> str:
    """That of ``names`` that runs first; the whole network when nothing differs."""
    order: list[str] = []
    handles = [
        classifier.get_submodule(name).register_forward_pre_hook(partial(_note, order, name))
        for name in names
    ]
    try:
        with torch.inference_mode():
            classifier(pixels)
    finally:
        for handle in handles:
            handle.remove()
    return order[0] if order else _ROOT


def _note(order: list[str], name: str, _module: nn.Module, _inputs: tuple[Any, ...]) -> None:
    order.append(name)


def _from_inside(name: str) -> Iterator[str]:
    """The module, then what contains it, up to the whole network."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _agrees(classifier: Classifier, pixels: Tensor, expected: Tensor) -> bool:
    try:
        with torch.inference_mode():
            found = classifier(pixels)
    except (RuntimeError, ValueError, TypeError, LookupError, AttributeError):
        return False
    if found.shape != expected.shape:
        return False
    bound = TOLERANCE * max(1.0, float(expected.abs().max()))
    return bool((found - expected).abs().max() <= bound)
