"""Descriptions out of Hugging Face folders."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polarizer.errors import ArchitectureError
from polarizer.pretrained import described

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
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def test_what_both_files_say() -> None:
    model = described(CONFIG, PREPROCESSOR)
    assert model.classes == ("a", "b", "c", "k")
    assert (model.input.height, model.input.width) == (32, 48)
    assert model.input.mean == (0.1, 0.2, 0.3)
    assert model.architecture.name == "huggingface"
    assert model.architecture.config == CONFIG


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
    found = described(CONFIG, PREPROCESSOR | changes).input
    assert (found.height, found.width) == size


def test_normalisation() -> None:
    plain = described(CONFIG | {"num_channels": 1}, PREPROCESSOR | {"do_normalize": False}).input
    assert (plain.channels, plain.mean, plain.std) == (1, (0.0,), (1.0,))
    assert described(CONFIG, PREPROCESSOR | {"image_mean": 0.5}).input.mean == (0.5,) * 3


@pytest.mark.parametrize(
    ("config", "preprocessor", "says"),
    [
        ({"id2label": None}, {}, "id2label"),
        ({"id2label": {"a": "b", "c": "d"}}, {}, "id2label"),
        ({"id2label": {"0": "same", "1": "same"}}, {}, "unique"),
        ({"image_size": None}, {"size": None}, "size"),
        ({"image_size": None}, {"size": {"height": "8", "width": 8}}, "size"),
        ({}, {"size": 100_000}, "height"),
        ({}, {"image_std": None}, "image_std"),
        ({}, {"image_std": [1, 0, 1]}, "std"),
        ({}, {"image_mean": [0.5]}, "image_mean"),
        ({"num_channels": 10**9}, {"image_mean": 0.5}, "num_channels"),
    ],
    ids=["none", "names", "twice", "size", "words", "large", "std", "zero", "channels", "many"],
)
def test_what_is_not_said(config: Any, preprocessor: Any, says: str) -> None:
    with pytest.raises(ArchitectureError, match=says):
        described(CONFIG | config, PREPROCESSOR | preprocessor)


def test_a_folder_without_preprocessing_says_what_to_send() -> None:
    with pytest.raises(ArchitectureError, match=r"no preprocessor_config\.json.*description"):
        described(CONFIG, None)


@given(name=st.sampled_from([*CONFIG, "num_channels", *PREPROCESSOR, "crop_size"]), value=JSON)
def test_a_stranger_gets_a_description_or_our_error(name: str, value: Any) -> None:
    config, preprocessor = CONFIG | {name: value}, PREPROCESSOR | {name: value}
    with suppress(ArchitectureError):
        found = described(config, preprocessor | {"do_center_crop": True})
        assert len(found.input.mean) == found.input.channels
