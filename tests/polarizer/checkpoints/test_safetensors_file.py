"""Reading and writing safetensors: what comes back is what went in, and equal bytes each time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from polarizer.checkpoints.dtypes import SAFETENSORS
from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.safetensors_file import read_safetensors, write_safetensors
from polarizer.errors import ModelFormatError

TENSORS = {
    f"of {name}": torch.arange(6).reshape(2, 3).to(dtype) for name, dtype in SAFETENSORS.items()
} | {"scalar": torch.tensor(7), "none": torch.zeros(0, 4), "turned": torch.eye(3)[:2].t()}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )


def test_what_is_written_is_read_here_and_by_the_library(tmp_path: Path) -> None:
    metadata = {"format": "pt", "né": "\n ü"}
    write_safetensors(tmp_path / "a", TENSORS, metadata)
    tensors, read = read_safetensors(tmp_path / "a", CheckpointLimits())
    assert _same(tensors, TENSORS)
    assert read == metadata
    assert _same(load_file(tmp_path / "a"), TENSORS)
    with safe_open(tmp_path / "a", "pt") as file:
        assert file.metadata() == metadata


def test_what_the_library_writes_is_read(tmp_path: Path) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in TENSORS.items()}
    save_file(tensors, tmp_path / "a")
    assert _same(read_safetensors(tmp_path / "a", CheckpointLimits())[0], TENSORS)


def test_equal_content_gives_equal_bytes_whatever_the_order(tmp_path: Path) -> None:
    turned = dict(reversed(TENSORS.items()))
    digest = write_safetensors(tmp_path / "a", TENSORS, {"a": "1", "b": "2"})
    assert write_safetensors(tmp_path / "b", turned, {"b": "2", "a": "1"}) == digest
    content = (tmp_path / "a").read_bytes()
    assert content == (tmp_path / "b").read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_bool_is_zero_or_one(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a", {"mask": torch.tensor([True, False])}, {})
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:-1] + b"\x02")
    with pytest.raises(ModelFormatError, match="mask"):
        read_safetensors(tmp_path / "a", CheckpointLimits())


def test_the_header_is_limited(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "a", {}, {"note": "x" * 1000})
    with pytest.raises(ModelFormatError, match="at most 500"):
        read_safetensors(tmp_path / "a", CheckpointLimits(max_header_bytes=500))
