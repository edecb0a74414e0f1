"""The base answer and the purified one, for the price of one prefix and two tails.

Up to the conditioned layer both answers share every number. The network is run twice; the second
time the modules that had already answered when the layer was reached answer from memory. Which
ones these are is seen in the first run, so it works for any network that calls its modules in the
same order each time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from polarizer.conditional.layer import Base, ConditionedLayer, conditioned, conditioned_layers
from polarizer.errors import ConfigError

RUNNING = threading.RLock()
"""Held while a network stands under a condition: that is state of its layers."""


def answer(module: nn.Module, inputs: Tensor) -> Tensor:
    """Logits (N, K) of a network for normalised images (N, C, H, W).

    Where it holds a conditioned layer these are the purified ones, for the classes that the base
    network predicts; unless :func:`conditioned` already says which classes.
    """
    layers = conditioned_layers(module)
    if not layers:
        return logits_of(module(inputs))
    with RUNNING:
        if any(layer.condition is not None for layer in layers.values()):
            return logits_of(module(inputs))
        purified: Tensor = both_answers(module, inputs)[0]
        return purified


def both_answers(module: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """``(purified, base)`` logits, each (N, K), of a network with a conditioned layer.

    Where they name different classes, a trigger may have been seen. No gradient passes from the
    purified logits through the choice of the class.

    Raises :class:`ConfigError` in a trace: it would keep the classes of its example for ever.
    """
    if torch.compiler.is_compiling():  # as a decorator, this would load the compiler for everybody
        uncompiled = torch.compiler.disable(_both_answers)  # type: ignore[no-untyped-call]
        return uncompiled(module, inputs)  # type: ignore[no-any-return]
    return _both_answers(module, inputs)


def _both_answers(module: nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        raise ConfigError(
            "a network with a class-conditioned polarizer cannot be traced or exported: "
            "each image decides which polarizer it passes"
        )
    with RUNNING, Replay(module) as replay:
        with conditioned(module, Base.BASE):
            base = logits_of(module(inputs))
        replay.rewind()
        with conditioned(module, base.detach().argmax(1)):
            return logits_of(module(inputs)), base


def logits_of(output: Any) -> Tensor:  # noqa: ANN401
    """The logits in what a network returns."""
    return output if isinstance(output, Tensor) else output.logits


class Replay:
    """Within the block, the modules around the conditioned layers of a network have a memory.

    Before :meth:`rewind` they note what they return, until a conditioned layer is reached; after
    it they return that instead of computing it. What is noted is a copy, because a network may
    change features in place. Their own ``forward`` is back when the block is left.
    """

    def __init__(self, module: nn.Module) -> None:
        self._layers = conditioned_layers(module)
        if not self._layers:
            raise ConfigError("the network holds no class-conditioned polarizer: it has one answer")
        self._around = list(_around(module, next(iter(self._layers))))
        self._patched: list[nn.Module] = []
        self._noted: list[tuple[nn.Module, Any]] = []
        self._noting = True
        self._inside = False
        self._next = 0

    def __enter__(self) -> Self:
        for module in self._around:
            self._patch(module, self._remember)
        for layer in self._layers.values():
            self._patch(layer, self._reach)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for module in self._patched:
            del module.__dict__["forward"]

    def rewind(self) -> None:
        """From now on, answer from memory."""
        self._noting = False
        self._next = 0

    def _patch(self, module: nn.Module, replacement: Any) -> None:  # noqa: ANN401
        if "forward" not in module.__dict__:
            module.__dict__["forward"] = partial(replacement, module, module.forward)
            self._patched.append(module)

    def _remember(self, module: nn.Module, forward: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if self._inside:
            return forward(*args, **kwargs)
        if not self._noting and self._is_next(module):
            self._next += 1
            return self._noted[self._next - 1][1]
        self._inside = True
        try:
            output = forward(*args, **kwargs)
        finally:
            self._inside = False
        if self._noting:
            self._noted.append((module, tree_map_only(Tensor, torch.clone, output)))
        return output

    def _is_next(self, module: nn.Module) -> bool:
        return self._next < len(self._noted) and self._noted[self._next][0] is module

    def _reach(self, _layer: nn.Module, forward: Any, features: Tensor) -> Tensor:  # noqa: ANN401
        self._noting = False
        return forward(features)  # type: ignore[no-any-return]


def _around(module: nn.Module, layer_name: str) -> Iterator[nn.Module]:
    """The largest parts of ``module`` that do not hold a conditioned layer."""
    path = layer_name.split(".")
    for depth in range(len(path)):
        parent = module.get_submodule(".".join(path[:depth]))
        for name, child in parent.named_children():
            if name != path[depth]:
                yield from _called(child)


def _called(module: nn.Module) -> Iterator[nn.Module]:
    """``module``, or what it lists if it is no more than a list that nobody calls."""
    if isinstance(module, nn.ModuleList | nn.ModuleDict):
        for child in module.children():
            yield from _called(child)
    elif not any(isinstance(part, ConditionedLayer) for part in module.modules()):
        yield module
