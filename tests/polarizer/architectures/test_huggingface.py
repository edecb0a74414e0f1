"""Hugging Face configurations: what is built, and what a hostile one cannot have."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from polarizer.architectures import build, build_blueprint
from polarizer.description import HuggingFace
from polarizer.errors import ArchitectureError

TINY = {
    "vit": {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    | {"intermediate_size": 16, "image_size": 32, "patch_size": 8},
    "deit": {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    | {"intermediate_size": 16, "image_size": 32, "patch_size": 8},
    "resnet": {"embedding_size": 4, "hidden_sizes": [8, 8], "depths": [1, 1]}
    | {"layer_type": "basic"},
    "convnext": {"hidden_sizes": [4, 8], "depths": [1, 1], "num_stages": 2},
    "swin": {"embed_dim": 4, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2}
    | {"image_size": 32, "patch_size": 4},
}


def _architecture(model_type: object = "vit", **entries: Any) -> HuggingFace:
    config = {"model_type": model_type, **TINY.get(str(model_type), {}), **entries}
    return HuggingFace(config=config, num_classes=3)


@pytest.mark.parametrize("model_type", TINY)
def test_a_config_gives_a_classifier_of_that_many_classes(model_type: str) -> None:
    network = build(_architecture(model_type)).eval()
    assert network(torch.randn(2, 3, 32, 32)).logits.shape == (2, 3)


@pytest.mark.parametrize("model_type", TINY)
def test_the_blueprint_tells_every_tensor(model_type: str) -> None:
    architecture = _architecture(model_type)
    drawn, built = build_blueprint(architecture).state_dict(), build(architecture).state_dict()
    assert {key: (t.shape, t.dtype) for key, t in drawn.items()} == {
        key: (t.shape, t.dtype) for key, t in built.items()
    }


def test_the_number_of_classes_is_ours_not_that_of_the_label_map() -> None:
    labels = {str(number): f"label {number}" for number in range(1000)}
    network = build(_architecture(id2label=labels, label2id={"cat": 0}, num_labels=1000)).eval()
    assert network(torch.randn(1, 3, 32, 32)).logits.shape == (1, 3)


@pytest.mark.parametrize(
    "entries",
    [
        {"torch_dtype": "float16"},
        {"return_dict": False},
        {"_attn_implementation": "kernels-community/flash-attn"},
        {"attn_implementation": "someone/their-kernel"},
    ],
    ids=lambda entries: next(iter(entries)),
)
def test_entries_about_running_change_nothing(entries: dict[str, Any]) -> None:
    network = build(_architecture(**entries)).eval()
    assert network(torch.randn(1, 3, 32, 32)).logits.dtype == torch.float32


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ({"auto_map": {"AutoModelForImageClassification": "evil.Model"}}, "auto_map"),
        ({"inner": {"auto_map": {"AutoModel": "evil.Model"}}}, "auto_map"),
        ({"quantization_config": {"quant_method": "gptq"}}, "floating point"),
        ({"backbone": "someone/their-model"}, "backbone"),
        ({"use_timm_backbone": True}, "timm"),
        ({"model_type": "timm_wrapper"}, "known are"),
        ({"model_type": "bert"}, "known are"),
        ({"model_type": None}, "known are"),
        ({"model_type": ["vit"]}, "known are"),
        ({"hidden_size": 10**9}, "hidden_size"),
        ({"hidden_size": float("inf")}, "hidden_size"),
        ({"hidden_size": 500_000, "num_attention_heads": 1}, "numbers"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"hidden_act": "no_such_function"}, "no_such_function"),
        ({"model_type": "resnet", "depths": [10**6]}, "depths"),
        ({"model_type": "resnet", "depths": [1] * 1000}, "depths"),
        ({"notes": [[[[[[[[[[[1]]]]]]]]]]]}, "nested"),
        ({"to_dict": 3, "patch_size": 0}, "ZeroDivisionError"),
    ],
)
def test_a_hostile_config_is_refused(entries: dict[str, Any], word: str) -> None:
    with pytest.raises(ArchitectureError, match=word):
        build(_architecture(**entries))


def test_endless_layers_are_refused_before_they_are_built() -> None:
    endless = _architecture(num_hidden_layers=1_000_000)
    with pytest.raises(ArchitectureError, match="numbers"):
        build_blueprint(endless, max_elements=100_000)
