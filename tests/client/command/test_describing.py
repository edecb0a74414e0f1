"""Descriptions out of Hugging Face folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client import InputError, Source
from client.command.describing import described
from client.command.options import description_of
from polarizer.description import ModelDescription

CONFIG: dict[str, Any] = {
    "model_type": "resnet",
    "id2label": {"10": "k", "2": "c", "0": "a", "1": "b"},
    "image_size": 64,
}
PREPROCESSOR: dict[str, Any] = {
    "size": {"height": 32, "width": 48},
    "image_mean": [0.1, 0.2, 0.3],
    "image_std": [1, 1, 1],
}


def test_what_the_service_takes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    found = description_of(Source(path=tmp_path / "model.safetensors"), None)
    model = ModelDescription.model_validate(found)
    assert model.classes == ("a", "b", "c", "k")
    assert (model.input.height, model.input.width) == (32, 48)
    assert model.input.mean == (0.1, 0.2, 0.3)
    assert model.architecture.name == "huggingface"
    (tmp_path / "model.json").write_text('{"classes": ["x"]}')
    assert description_of(Source(path=tmp_path / "m"), None) == {"classes": ["x"]}


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({"size": {"shortest_edge": 40}}, (40, 40)),
        ({"size": 224}, (224, 224)),
        ({"size": [8, 9]}, (8, 9)),
        ({"size": None}, (64, 64)),
        ({"do_center_crop": True, "crop_size": {"height": 20, "width": 20}}, (20, 20)),
        ({"do_center_crop": False, "crop_size": {"height": 20, "width": 20}}, (32, 48)),
    ],
    ids=["edge", "number", "pair", "model", "crop", "no-crop"],
)
def test_sizes(changes: dict[str, Any], size: tuple[int, int]) -> None:
    found = described(CONFIG, PREPROCESSOR | changes)["input"]
    assert (found["height"], found["width"]) == size


def test_normalisation() -> None:
    found = described(CONFIG | {"num_channels": 1}, PREPROCESSOR | {"do_normalize": False})["input"]
    assert (found["channels"], found["mean"], found["std"]) == (1, [0.0], [1.0])
    assert described(CONFIG, PREPROCESSOR | {"image_mean": 0.5})["input"]["mean"] == [0.5] * 3


@pytest.mark.parametrize(
    ("config", "preprocessor", "says"),
    [
        ({"id2label": None}, {}, "id2label"),
        ({"id2label": {"a": "b", "c": "d"}}, {}, "id2label"),
        ({"image_size": None}, {"size": None}, "size"),
        ({}, {"image_std": None}, "image_std"),
        ({}, {"image_mean": [0.5]}, "image_mean"),
    ],
    ids=["none", "names", "size", "std", "channels"],
)
def test_what_is_not_said(config: Any, preprocessor: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        described(CONFIG | config, PREPROCESSOR | preprocessor)
