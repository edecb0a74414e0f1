"""An ONNX graph in which nothing is computed twice.

A purified model and the model as it came are exported side by side. Up to the first layer that was
changed they compute the same from the same weights; here that becomes one prefix with two tails,
each of which the runtime optimises as it would a network of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_CHANCE = frozenset(
    ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform")
) | {"RandomUniformLike"}


def shared(exported: bytes) -> bytes:
    """The same model; unchanged where parts of it are run by other parts (loops, branches)."""
    import onnx

    model = onnx.load_model_from_string(exported)
    graph = model.graph
    if any(_has_graph(node) for node in graph.node):
        return exported
    names = _share_constants(graph)
    _share_nodes(graph, names)
    found: bytes = model.SerializeToString()
    return found


def _has_graph(node: Any) -> bool:  # noqa: ANN401 - the package has no types for these
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def _share_constants(graph: Any) -> dict[str, str]:  # noqa: ANN401
    """Removes weights that are there already; the names that they had, and those to use."""
    first: dict[bytes, str] = {}
    names: dict[str, str] = {}
    kept = []
    for tensor in graph.initializer:
        unnamed = type(tensor)()
        unnamed.CopyFrom(tensor)
        unnamed.ClearField("name")
        known = first.setdefault(unnamed.SerializeToString(deterministic=True), tensor.name)
        if known == tensor.name:
            kept.append(tensor)
        else:
            names[tensor.name] = known
    _replace(graph.initializer, kept)
    return names


def _share_nodes(graph: Any, names: dict[str, str]) -> None:  # noqa: ANN401
    """Removes nodes that compute what another one does, from the same values."""
    answers = {output.name for output in graph.output}
    first: dict[tuple[object, ...], Any] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        known = first.setdefault(_work(node), node)
        if answers.intersection(node.output):
            kept.append(node)
        elif node.op_type == "Identity":  # so the exporter names weights that two networks share
            names[node.output[0]] = node.input[0]
        elif known is node:
            kept.append(node)
        else:
            names.update(zip(node.output, known.output, strict=True))
    _replace(graph.node, kept)


def _work(node: Any) -> tuple[object, ...]:  # noqa: ANN401
    """Equal for nodes whose outputs are."""
    attributes = sorted(each.SerializeToString(deterministic=True) for each in node.attribute)
    what = node.domain, node.op_type, tuple(node.input), tuple(attributes), len(node.output)
    return (*what, node.output[0]) if node.op_type in _CHANCE else what


def _replace(field: Any, kept: Iterable[Any]) -> None:  # noqa: ANN401
    copies = list(kept)
    del field[:]
    field.extend(copies)
