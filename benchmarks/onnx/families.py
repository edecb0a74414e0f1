"""Six families of image classifiers: small ones for 32 pixels, and those of the usual size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.onnx.densenet import DenseNet

CLASSES = 10
SMALL, USUAL = 32, 224

_SMALL: Mapping[str, dict[str, Any]] = {
    "resnet": {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12, 16]}
    | {"depths": [1, 1, 1], "layer_type": "basic"},
    "mobilenet": {"model_type": "mobilenet_v1", "depth_multiplier": 0.03, "image_size": SMALL},
    "efficientnet": {"model_type": "efficientnet", "width_coefficient": 0.25, "hidden_dim": 320}
    | {"depth_coefficient": 0.1, "image_size": SMALL, "kernel_sizes": [3, 3, 5]}
    | {"in_channels": [32, 16, 24], "out_channels": [16, 24, 40], "strides": [1, 2, 2]}
    | {"num_block_repeats": [1, 1, 1], "expand_ratios": [1, 2, 2], "depthwise_padding": []},
    "convnext": {"model_type": "convnext", "hidden_sizes": [8, 12, 16], "depths": [1, 1, 1]}
    | {"num_stages": 3, "patch_size": 2},
    "vit": {"model_type": "vit", "hidden_size": 16, "num_hidden_layers": 2}
    | {"num_attention_heads": 2, "intermediate_size": 32, "image_size": SMALL, "patch_size": 8},
}
_USUAL: Mapping[str, dict[str, Any]] = {
    "resnet": {"model_type": "resnet"},
    "mobilenet": {"model_type": "mobilenet_v2"},
    "efficientnet": {"model_type": "efficientnet", "width_coefficient": 1.0, "hidden_dim": 1280}
    | {"depth_coefficient": 1.0, "image_size": USUAL},
    "convnext": {"model_type": "convnext"},
    "vit": {"model_type": "vit", "hidden_size": 384, "num_attention_heads": 6}
    | {"intermediate_size": 1536},
}
FAMILIES = ("resnet", "mobilenet", "efficientnet", "densenet", "convnext", "vit")


class Logits(nn.Module):
    """A classifier of transformers that answers with logits alone."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(images).logits
        return logits


def network(family: str, *, usual: bool = False, seed: int = 0) -> nn.Module:
    """In evaluation mode, with random weights and statistics, no two tensors alike: exporters keep
    equal ones once, as they would never be in a network that was trained. Values are multiples of
    1/64, so that files compress."""
    make = _maker(family, usual=usual)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = make().eval()
        with torch.no_grad():
            for name, tensor in [*made.named_parameters(), *made.named_buffers()]:
                if not tensor.is_floating_point():
                    continue
                noise = 0.1 * torch.randn_like(tensor)
                tensor.add_(noise.abs() if name.endswith("running_var") else noise)
                tensor.mul_(64).round_().div_(64)
            if usual:
                _settle(made)
    return made


def _settle(made: nn.Module) -> None:
    """Gives BatchNorm the statistics of what it sees, as training does: behind fifty layers of
    random weights features are larger than any number that a loss can be made of."""
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    made.train()
    made(torch.rand(4, 3, USUAL, USUAL))
    made.eval()


def image_size(*, usual: bool = False) -> int:
    """Of a side, in pixels."""
    return USUAL if usual else SMALL


def _maker(family: str, *, usual: bool) -> Callable[[], nn.Module]:
    if family == "densenet":
        growth, depths = (32, (6, 12, 24, 16)) if usual else (4, (2, 2, 2))
        return lambda: DenseNet(growth=growth, depths=depths, large=usual, classes=CLASSES)
    config = (_USUAL if usual else _SMALL)[family]

    def make() -> nn.Module:
        from transformers import AutoConfig, AutoModelForImageClassification

        built = AutoConfig.for_model(num_labels=CLASSES, **config)
        return Logits(AutoModelForImageClassification.from_config(built))

    return make
