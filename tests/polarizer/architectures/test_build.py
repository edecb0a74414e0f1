"""Every built-in network: its key names, its logits, and what it refuses before allocating."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from polarizer.architectures import KNOWN, build, build_blueprint, parse_architecture
from polarizer.errors import ArchitectureError

SMALL = [
    {"name": "preact_resnet18", "width": 4, "channels": 3, "num_classes": 5},
    {"name": "resnet20", "width": 4, "channels": 1, "num_classes": 2},
    {"name": "resnet110", "width": 2, "channels": 3, "num_classes": 5},
    {"name": "vgg19_bn", "width": 2, "channels": 3, "num_classes": 5},
    {"name": "vgg19_bn", "width": 1, "channels": 3, "num_classes": 5, "head": "mlp"},
    {"name": "small_cnn", "width": 4, "channels": 1, "num_classes": 10},
]
SIZES = {"small_cnn": 8}


@pytest.mark.parametrize("fields", SMALL, ids=lambda fields: fields["name"])
def test_images_give_one_logit_a_class(fields: dict[str, Any]) -> None:
    size = SIZES.get(fields["name"], 32)
    network = build(parse_architecture(fields)).eval()
    logits = network(torch.randn(2, fields["channels"], size, size))
    assert logits.shape == (2, fields["num_classes"])
    assert logits.isfinite().all()


@pytest.mark.parametrize("fields", SMALL, ids=lambda fields: fields["name"])
def test_the_blueprint_tells_every_tensor_without_memory(fields: dict[str, Any]) -> None:
    architecture = parse_architecture(fields)
    drawn, built = build_blueprint(architecture).state_dict(), build(architecture).state_dict()
    assert all(tensor.is_meta for tensor in drawn.values())
    assert {key: (t.shape, t.dtype) for key, t in drawn.items()} == {
        key: (t.shape, t.dtype) for key, t in built.items()
    }


def _keys(**fields: Any) -> set[str]:
    return set(build_blueprint(parse_architecture({"num_classes": 10, **fields})).state_dict())


def test_preact_resnet18_has_backdoorbench_names() -> None:
    keys = {key for key in _keys(name="preact_resnet18") if "num_batches" not in key}
    block = {f"{bn}.{part}" for bn in ("bn1", "bn2") for part in _BATCH_NORM}
    block |= {"conv1.weight", "conv2.weight"}
    blocks = {
        f"layer{stage}.{number}.{name}"
        for stage in (1, 2, 3, 4)
        for number in (0, 1)
        for name in block
    }
    shortcuts = {f"layer{stage}.0.shortcut.0.weight" for stage in (2, 3, 4)}
    assert keys == blocks | shortcuts | {"conv1.weight", "linear.weight", "linear.bias"}


_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


@pytest.mark.parametrize(
    ("head", "classifier"),
    [("linear", {""}), ("mlp", {".0", ".3", ".6"})],
)
def test_vgg19_bn_has_torchvision_names(head: str, classifier: set[str]) -> None:
    keys = _keys(name="vgg19_bn", head=head)
    convolutions = [0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49]
    assert {key for key in keys if key.startswith("classifier")} == {
        f"classifier{place}.{part}" for place in classifier for part in ("weight", "bias")
    }
    assert {key for key in keys if key.endswith("running_mean")} == {
        f"features.{place + 1}.running_mean" for place in convolutions
    }


@pytest.mark.parametrize(("name", "layers"), [("resnet20", 20), ("resnet56", 56)])
def test_the_depth_counts_convolutions_and_the_linear_layer(name: str, layers: int) -> None:
    drawn = build_blueprint(parse_architecture({"name": name, "num_classes": 10}))
    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    assert sum(isinstance(module, kinds) for module in drawn.modules()) == layers


def test_an_unknown_name_lists_what_is_known() -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse_architecture({"name": "resnet9000", "num_classes": 10})
    assert all(name in str(caught.value) for name in (*KNOWN, "resnet9000"))


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"name": "small_cnn"}, "num_classes"),
        ({"name": "small_cnn", "num_classes": 1}, "num_classes"),
        ({"name": "small_cnn", "num_classes": 2, "width": 0}, "width"),
        ({"name": "small_cnn", "num_classes": 2, "depth": 3}, "depth"),
        ({"name": ["small_cnn"], "num_classes": 2}, "known are"),
        ({}, "known are"),
    ],
)
def test_bad_parameters_are_named(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(ArchitectureError, match=word):
        parse_architecture(fields)


def test_a_network_over_the_limit_is_refused_before_it_is_allocated() -> None:
    wide = parse_architecture({"name": "preact_resnet18", "width": 1024, "num_classes": 10})
    with pytest.raises(ArchitectureError, match="1,000,000,000"):
        build(wide)


def test_the_limit_is_the_number_of_elements() -> None:
    architecture = parse_architecture({"name": "small_cnn", "width": 4, "num_classes": 10})
    elements = sum(tensor.numel() for tensor in build(architecture).state_dict().values())
    build(architecture, max_elements=elements)
    with pytest.raises(ArchitectureError):
        build(architecture, max_elements=elements - 10)  # a few scalars are not metered
