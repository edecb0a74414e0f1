"""A graph as a torch network: layers are modules, the rest is computed step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from polarizer.errors import ArchitectureError
from polarizer.listing import shown
from polarizer.onnx.batching import for_any_number
from polarizer.onnx.graph import Graph
from polarizer.onnx.planning import Plan, Step, plan

MOST_VALUES = 2**28
"""Numbers that a value inside of the network may hold for one image: 1 GB of float32."""


class OnnxNetwork(nn.Module):
    """Normalised images ``(N, C, H, W)`` → the graph's logits ``(N, K)``; before the softmax, if it
    ends in one. Weights are not filled in.

    Raises :class:`ModelFormatError` for nodes with attributes that are not known here. A call
    raises :class:`ArchitectureError` when a value grows too large, and whatever torch raises when a
    node does not fit its inputs, with the node's name as a note.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.plan: Plan = plan(graph)
        for name, make in self.plan.layers.items():
            self.add_module(name, _made(name, make))
        self._loose: dict[str, str] = {}
        for tensor, place in self.plan.places.items():
            if "." not in place.key:
                self._loose[tensor] = place.key
                self._keep(place.key, torch.empty(graph.held[tensor].shape), tensor)
        self._constants = self._kept_constants()

    def _keep(self, key: str, value: Tensor, tensor: str) -> None:
        if tensor in self.plan.statistics:
            self.register_buffer(key, value)
        else:
            self.register_parameter(key, nn.Parameter(value))

    def _kept_constants(self) -> dict[str, str | Tensor]:
        """Those in floating point as buffers, which move with the network; what shapes are computed
        from stays on the CPU."""
        found: dict[str, str | Tensor] = {}
        for number, (name, value) in enumerate(self.graph.constants.items()):
            if value.is_floating_point():
                found[name] = f"_constant_{number}"
                self.register_buffer(f"_constant_{number}", value, persistent=False)
            else:
                found[name] = value
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(N, K)``."""
        values: dict[str, Tensor] = {self.graph.input: images}
        for step in self.plan.steps:
            try:
                found = self._result(step, values, images)
            except Exception as error:
                error.add_note(f"in the ONNX node {step.shown}")
                raise
            self._check_size(found, step, len(images))
            values.update(zip(step.outputs, found, strict=False))
            for name in step.last:
                values.pop(name, None)
        return self._value(self.graph.output, values)

    def _result(
        self, step: Step, values: Mapping[str, Tensor], images: Tensor
    ) -> tuple[Tensor, ...]:
        inputs = [self._value(name, values) if name else None for name in step.inputs]
        if step.together:
            inputs = _on_one_device(inputs)
        if self.graph.batch is not None:
            inputs = for_any_number(step.operator, inputs, step.options, self.graph.batch, images)
        layer = () if step.layer is None else (getattr(self, step.layer),)
        found: Any = step.compute(*layer, *inputs, **step.options)
        return found if isinstance(found, tuple) else (found,)

    def _value(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        if name in values:
            return values[name]
        kept = self._loose.get(name) or self._constants[name]
        value: Tensor = getattr(self, kept) if isinstance(kept, str) else kept
        return value

    def _check_size(self, found: tuple[Tensor, ...], step: Step, images: int) -> None:
        if any(value.numel() > MOST_VALUES * max(images, 1) for value in found):
            raise ArchitectureError(
                f"the ONNX node {step.shown} makes more than {MOST_VALUES:,} numbers of one image"
            )


def _made(name: str, make: Callable[[], nn.Module]) -> nn.Module:
    try:
        return make()
    except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise ArchitectureError(
            f"the ONNX graph's layer {name} cannot be made: {shown(' '.join(str(error).split()))}"
        ) from error


def _on_one_device(inputs: list[Tensor | None]) -> list[Tensor | None]:
    """All where the first is that is not on the CPU."""
    devices = [value.device for value in inputs if value is not None and value.device.type != "cpu"]
    if not devices:
        return inputs
    return [None if value is None else value.to(devices[0]) for value in inputs]


def named_by_network(graph: Graph, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by their names in the file → by those in :class:`OnnxNetwork`, in its shapes."""
    places = plan(graph).places
    return {
        places[name].key: (tensor.t() if places[name].transposed else tensor).contiguous()
        for name, tensor in tensors.items()
    }
