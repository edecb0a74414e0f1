"""Which files of a model's folder are taken."""

from __future__ import annotations

import pytest

from polarizer.pretrained import needed_files

PARTS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
BESIDE = ["README.md", "tf_model.h5", "model.fp16.safetensors", "onnx/model.onnx", "optimizer.pt"]


@pytest.mark.parametrize(
    ("weights", "taken"),
    [
        (["pytorch_model.bin", "model.safetensors", *PARTS], ["model.safetensors"]),
        ([*reversed(PARTS), "pytorch_model.bin"], PARTS),
        (["pytorch_model.bin"], ["pytorch_model.bin"]),
        ([], []),
    ],
    ids=["whole", "parts", "pickled", "none"],
)
def test_one_kind_of_weights(weights: list[str], taken: list[str]) -> None:
    configurations = ["config.json", "preprocessor_config.json"]
    assert needed_files([*BESIDE, *weights, *configurations]) == configurations + taken
    assert needed_files(weights) == taken
