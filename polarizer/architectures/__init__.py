"""Networks by name. Weights come later, strictly, from :mod:`polarizer.checkpoints`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, assert_never

from pydantic import TypeAdapter, ValidationError
from torch import nn

from polarizer.architectures.blueprint import MAX_ELEMENTS, blueprint
from polarizer.architectures.cifar_resnet import CifarResNet
from polarizer.architectures.huggingface import build_huggingface
from polarizer.architectures.preact_resnet import PreActResNet
from polarizer.architectures.small_cnn import SmallCnn
from polarizer.architectures.vgg import Vgg19BatchNorm
from polarizer.description import (
    Architecture,
    HuggingFace,
    OnnxGraph,
    PreActResNet18,
)
from polarizer.description import CifarResNet as CifarResNetSpec
from polarizer.description import SmallCnn as SmallCnnSpec
from polarizer.description import Vgg19BatchNorm as Vgg19BatchNormSpec
from polarizer.errors import ArchitectureError
from polarizer.onnx import Graph, OnnxNetwork

__all__ = ["KNOWN", "MAX_ELEMENTS", "build", "build_blueprint", "parse_architecture"]

KNOWN = (
    *("preact_resnet18", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110"),
    *("vgg19_bn", "small_cnn", "huggingface", "onnx"),
)
"""Every ``name`` that an architecture may have."""


def build(
    architecture: Architecture, *, max_elements: int = MAX_ELEMENTS, graph: Graph | None = None
) -> nn.Module:
    """The network of ``architecture`` with random weights, in training mode, on the CPU.

    That of an ONNX file is made from its ``graph``. It takes normalised images ``(N, C, H, W)`` and
    returns logits ``(N, K)``, or an output object with ``.logits`` for Hugging Face models. Nothing
    is allocated before it is known to hold at most ``max_elements`` numbers;
    :class:`ArchitectureError` otherwise.
    """
    construct = _constructor(architecture, graph)
    blueprint(construct, max_elements)
    return construct()


def build_blueprint(
    architecture: Architecture, *, max_elements: int = MAX_ELEMENTS, graph: Graph | None = None
) -> nn.Module:
    """:func:`build` on the meta device: names, shapes and types of all tensors, without memory."""
    return blueprint(_constructor(architecture, graph), max_elements)


def parse_architecture(fields: Mapping[str, Any]) -> Architecture:
    """An architecture from its JSON form; :class:`ArchitectureError` says what is known."""
    name = fields.get("name")
    if name not in KNOWN:
        raise ArchitectureError(f"unknown architecture {name!r:.80}; known are {', '.join(KNOWN)}")
    try:
        return _ADAPTER.validate_python(dict(fields))
    except ValidationError as error:
        raise ArchitectureError(f"architecture {name}: {_first_problem(error)}") from error


_ADAPTER: TypeAdapter[Architecture] = TypeAdapter(Architecture)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"][1:])
    return f"{where}: {problem['msg']}"[:300]


def _constructor(architecture: Architecture, graph: Graph | None) -> Callable[[], nn.Module]:
    match architecture:
        case OnnxGraph():
            if graph is None:
                raise ArchitectureError('architecture "onnx" needs the .onnx file itself')
            return partial(OnnxNetwork, graph)
        case HuggingFace(config=config, num_classes=num_classes):
            return partial(build_huggingface, config, num_classes)
        case PreActResNet18():
            network: Callable[..., nn.Module] = PreActResNet
        case CifarResNetSpec():
            network = partial(CifarResNet, depth=int(architecture.name.removeprefix("resnet")))
        case Vgg19BatchNormSpec():
            network = partial(Vgg19BatchNorm, head=architecture.head)
        case SmallCnnSpec():
            network = SmallCnn
        case _:
            assert_never(architecture)
    return partial(
        network,
        width=architecture.width,
        channels=architecture.channels,
        num_classes=architecture.num_classes,
    )
