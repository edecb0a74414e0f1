"""What torch.save wrote: read as torch itself reads it, without what torch would run or reserve."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.torch_archive import read_torch_archive
from polarizer.errors import ModelFormatError
from tests.polarizer.models import network, state


def _read(folder: Path, saved: object, **limits: int) -> tuple[dict[str, Tensor], str]:
    torch.save(saved, folder / "model.pt")
    return read_torch_archive(folder / "model.pt", CheckpointLimits(**limits))


def _attack_result() -> dict[str, Any]:
    """The shape of BackdoorBench's attack_result.pt: arrays and images beside the weights."""
    return {
        "model_name": "preactresnet18",
        "num_classes": 3,
        "model": state(),
        "img_size": (8, 8, 1),
        "clean_data": "cifar10",
        "bd_train": {
            "x": torch.rand(2, 1, 8, 8),
            "original_index": np.arange(2),
            "poison_indicator": np.float64(0.5),
        },
        "bd_test": {"x": torch.rand(2, 1, 8, 8), "y": torch.zeros(2)},
    }


_TRAINING = {
    "epoch": 3,
    "args": argparse.Namespace(lr=0.1, devices={1, 2}, size=torch.Size([2])),
    "optimizer": torch.optim.Adam(network().parameters()).state_dict(),
}


@pytest.mark.parametrize(
    ("saved", "where"),
    [
        (state(), ""),
        (dict(network().named_parameters()) | dict(network().named_buffers()), ""),
        ({"state_dict": state()}, "state_dict"),
        (_TRAINING | {"model_state_dict": state()}, "model_state_dict"),
        ({"epoch": 1, "model": {"net": state()}}, "model.net"),
        (_attack_result(), "model"),
    ],
)
def test_the_weights_are_found_and_are_those_that_were_saved(
    tmp_path: Path, saved: object, where: str
) -> None:
    tensors, found = _read(tmp_path, saved)
    assert found == where
    expected = state()
    assert tensors.keys() == expected.keys()
    assert all(torch.equal(tensors[name], expected[name]) for name in expected)


def test_every_type_and_every_view_is_what_torch_reads(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float64)
    saved = {
        str(dtype): base.to(dtype)
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.int8, torch.uint8)
    } | {
        "matrix": base.reshape(4, 6),
        "turned": base.reshape(4, 6).t(),
        "part": base[3:9],
        "shared": base,
        "empty": torch.zeros(0, 3),
        "flag": torch.tensor([True, False]),
        "scalar": torch.tensor(3),
    }
    tensors, _ = _read(tmp_path, saved)
    reference = torch.load(tmp_path / "model.pt", weights_only=True)
    for name in saved:
        assert tensors[name].dtype == reference[name].dtype
        assert torch.equal(tensors[name], reference[name])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol_is_read(tmp_path: Path, protocol: int) -> None:
    torch.save(state(), tmp_path / "model.pt", pickle_protocol=protocol)
    tensors, _ = read_torch_archive(tmp_path / "model.pt", CheckpointLimits())
    assert torch.equal(tensors["conv1.weight"], state()["conv1.weight"])


@pytest.mark.parametrize(
    ("saved", "word"),
    [
        (network(), "SmallCnn"),
        ({"model": network()}, "SmallCnn"),
        ({"epoch": 1}, "holds no weights, only epoch"),
        ({}, "holds no weights"),
        ([torch.zeros(1)], "list"),
        (3, "int"),
        (state() | {"epoch": 1}, "epoch"),
        ({"model": {"model": {"model": {"model": state()}}}}, "under model.model.model"),
        ({1: torch.zeros(1)}, "named 1"),
        ({"a\n": torch.zeros(1)}, "named"),
        ({"__metadata__": torch.zeros(1)}, "named"),
        ({"wide": torch.zeros(1).expand(1000)}, "beyond its storage"),
        ({"sparse": torch.eye(2).to_sparse()}, "_rebuild_sparse_tensor"),
        ({"meta": torch.zeros(2, device="meta")}, "_rebuild_meta_tensor"),
    ],
)
def test_what_holds_no_plain_weights_is_refused(tmp_path: Path, saved: Any, word: str) -> None:
    with pytest.raises(ModelFormatError, match=word):
        _read(tmp_path, saved)


def test_the_number_of_tensors_is_limited(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="at most 5"):
        _read(tmp_path, state(), max_tensors=5)
