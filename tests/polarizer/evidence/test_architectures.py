"""One step on every architecture, and on a model whose polarizer could not be folded."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from polarizer.classifier import Classifier
from polarizer.config import PurifyConfig
from polarizer.evidence import EvidenceConfig, examine
from polarizer.images import LabelledImages
from polarizer.purification import purify
from tests.polarizer.models import description, network

CLASSES = 4
ONE_STEP = EvidenceConfig(steps=1, batch_size=2, images=20)


def _huggingface(model_type: str, **config: Any) -> dict[str, Any]:
    fields = {"model_type": model_type, "num_channels": 3, "image_size": 16, **config}
    return {"name": "huggingface", "config": fields, "num_classes": CLASSES}


ARCHITECTURES = {
    **{
        name: {"name": name, "width": 2, "channels": 3, "num_classes": CLASSES}
        for name in ("small_cnn", "preact_resnet18", "resnet20")
    },
    "vgg19_bn": {"name": "vgg19_bn", "width": 2, "channels": 3, "num_classes": CLASSES},
    "vit": _huggingface(
        "vit",
        patch_size=8,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
    ),
    "convnext": _huggingface(
        "convnext", patch_size=2, hidden_sizes=[4, 8], depths=[1, 1], num_stages=2
    ),
}


def images(size: int) -> LabelledImages:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (40, 3, size, size), generator=generator, dtype=torch.uint8)
    return LabelledImages(pixels, torch.arange(40) % CLASSES)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_one_step_on_every_architecture(name: str) -> None:
    size = 32 if name == "vgg19_bn" else 16
    spec = description(ARCHITECTURES[name], size).input
    base, purified = (Classifier(network(ARCHITECTURES[name], seed), spec) for seed in (0, 1))
    found = examine(base, purified, images(size), ONE_STEP, search=images(size))
    assert [one.label for one in found.classes] == list(range(CLASSES))
    assert found.control


def test_one_step_on_a_polarizer_that_cannot_be_folded() -> None:
    spec = description(ARCHITECTURES["small_cnn"], 16).input
    base = Classifier(network(ARCHITECTURES["small_cnn"]), spec)
    config = PurifyConfig(method="npd", layers=("conv2",), steps=1, warmup_steps=0, batch_size=4)
    purified = purify(base, images(16), config).classifier
    state = {name: tensor.clone() for name, tensor in purified.state_dict().items()}
    assert examine(base, purified, images(16), ONE_STEP, search=images(16)).control
    assert all(torch.equal(purified.state_dict()[name], state[name]) for name in state)
