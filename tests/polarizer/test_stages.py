from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForImageClassification

from polarizer import description
from polarizer.architectures import build
from polarizer.errors import ConfigError
from polarizer.stages import last_stage, trace
from tests.polarizer.networks import TinyCnn


def hugging_face(model_type: str, **fields: object) -> nn.Module:
    config = AutoConfig.for_model(model_type, num_labels=3, **fields)
    return AutoModelForImageClassification.from_config(config).eval()


def resnet(**fields: object) -> nn.Module:
    return hugging_face(
        "resnet", embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 2], **fields
    )


def swin() -> nn.Module:
    return hugging_face(
        "swin", image_size=64, embed_dim=8, depths=[1, 1, 2, 2], num_heads=[1, 1, 2, 2],
        window_size=2,
    )  # fmt: skip


def vit() -> nn.Module:
    return hugging_face(
        "vit", image_size=32, patch_size=8, hidden_size=16, num_hidden_layers=4,
        num_attention_heads=2, intermediate_size=32,
    )  # fmt: skip


def under(prefix: str, *names: str) -> list[str]:
    return [prefix + name for name in names]


SWIN_BLOCK = [
    *under("attention.", "q_proj", "k_proj", "v_proj", "o_proj"),
    *under("mlp.", "fc1", "fc2"),
]
RESNET = "resnet.encoder.stages.3.layers."
CONVNEXT = "convnext.encoder.stages.3."
MOBILENET = "mobilenet_v2."

CASES: dict[str, tuple[Callable[[], nn.Module], int, list[str]]] = {
    "preact_resnet18": (
        lambda: build(description.PreActResNet18(width=4, num_classes=3)),
        32,
        under("layer4.", "0.shortcut.0", "0.conv1", "0.conv2", "1.conv1", "1.conv2"),
    ),
    "vgg19_bn": (
        lambda: build(description.Vgg19BatchNorm(width=4, num_classes=3)),
        32,
        under("features.", "40", "43", "46", "49"),
    ),
    "resnet20": (
        lambda: build(description.CifarResNet(name="resnet20", width=4, num_classes=3)),
        32,
        [f"layer3.{block}.conv{number}" for block in range(3) for number in (1, 2)],
    ),
    "small_cnn: its last stage alone is a single layer": (
        lambda: build(description.SmallCnn(width=4, num_classes=3)),
        8,
        ["conv2", "conv3"],
    ),
    "basic ResNet, also where its last stage is one pixel": (
        lambda: resnet(layer_type="basic"),
        32,
        under(
            RESNET,
            *("0.layer.0.convolution", "0.layer.1.convolution", "0.shortcut.convolution"),
            *("1.layer.0.convolution", "1.layer.1.convolution"),
        ),
    ),
    "bottleneck ResNet": (
        lambda: resnet(layer_type="bottleneck"),
        64,
        under(
            RESNET,
            *("0.layer.1.convolution", "0.layer.2.convolution", "0.shortcut.convolution"),
            *("1.layer.0.convolution", "1.layer.1.convolution", "1.layer.2.convolution"),
        ),
    ),
    "squeeze-and-excitation is no stage": (
        lambda: hugging_face(
            "regnet", embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1],
            groups_width=4, layer_type="y",
        ),
        64,
        under(
            "regnet.encoder.stages.3.layers.0.",
            *("layer.1.convolution", "layer.3.convolution", "shortcut.convolution"),
        ),
    ),
    "MobileNetV2": (
        lambda: hugging_face("mobilenet_v2", depth_multiplier=0.25),
        64,
        [
            *under(f"{MOBILENET}layer.12.", "conv_3x3.convolution", "reduce_1x1.convolution"),
            *(
                f"{MOBILENET}layer.{block}.{name}.convolution"
                for block in (13, 14, 15)
                for name in ("expand_1x1", "conv_3x3", "reduce_1x1")
            ),
            f"{MOBILENET}conv_1x1.convolution",
        ],
    ),
    "ConvNeXt": (
        lambda: hugging_face("convnext", hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 2, 2]),
        64,
        [
            f"{CONVNEXT}downsampling_layer.1",
            *under(f"{CONVNEXT}layers.0.", "dwconv", "pwconv1", "pwconv2"),
            *under(f"{CONVNEXT}layers.1.", "dwconv", "pwconv1", "pwconv2"),
        ],
    ),
    "ViT: the last of four blocks": (
        vit,
        32,
        under("vit.layers.3.", *SWIN_BLOCK),
    ),
    "Swin": (
        swin,
        64,
        [
            "swin.encoder.layers.2.downsample.reduction",
            *under("swin.encoder.layers.3.blocks.0.", *SWIN_BLOCK),
            *under("swin.encoder.layers.3.blocks.1.", *SWIN_BLOCK),
        ],
    ),
    "no convolution at all": (
        lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(192, 9), nn.Linear(9, 8), nn.Linear(8, 7), nn.Linear(7, 3)
        ),
        8,
        ["2", "3"],
    ),
    "one layer only": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), 8, ["1"]),
}  # fmt: skip


@pytest.mark.parametrize(("make", "size", "expected"), CASES.values(), ids=CASES.keys())
def test_the_last_stage(make: Callable[[], nn.Module], size: int, expected: list[str]) -> None:
    network = make().eval()

    assert sorted(last_stage(network, torch.rand(2, 3, size, size))) == sorted(expected)


def test_calls_are_listed_in_execution_order_whatever_the_batch() -> None:
    network = TinyCnn().eval()
    one, three = (trace(network, torch.rand(count, 3, 8, 8)) for count in (1, 3))

    assert one == three
    assert [(call.name, call.positions) for call in one] == [
        ("entry", 64),
        ("down", 16),
        ("depthwise", 16),
        ("head", 1),
    ]


class Raising(TinyCnn):
    def forward(self, images: Tensor) -> Tensor:
        super().forward(images)
        raise ZeroDivisionError


@pytest.mark.parametrize("network", [TinyCnn(), Raising()], ids=["success", "raising"])
def test_no_hook_is_left_behind(network: nn.Module) -> None:
    try:
        trace(network, torch.rand(2, 3, 8, 8))
    except ZeroDivisionError:
        assert isinstance(network, Raising)

    assert not any(module._forward_hooks for module in network.modules())


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to polarize"):
        last_stage(nn.Flatten(), torch.rand(2, 3, 8, 8))
