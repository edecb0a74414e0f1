"""The structure of a checkpoint: followed, or refused, whatever its bytes."""

from __future__ import annotations

import argparse
import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from polarizer.checkpoints.weights_pickle import Inert, TensorRef, read_structure
from polarizer.errors import ModelFormatError
from tests.polarizer.hostile.pickles import Call, Storage, dumped, tensor


def _structure(saved: object) -> bytes:
    file = io.BytesIO()
    torch.save(saved, file)
    with zipfile.ZipFile(file) as archive:
        return next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))


GOOD = _structure(
    {
        "model": torch.nn.BatchNorm2d(2).state_dict(),
        "args": argparse.Namespace(devices={1, 2}, size=torch.Size([2])),
        "index": np.arange(3),
        "epoch": 3,
    }
)


def test_tensors_are_described_and_other_objects_are_inert() -> None:
    read = read_structure(GOOD)
    weight = read["model"]["weight"]
    assert isinstance(weight, TensorRef)
    assert (weight.storage.dtype, weight.storage.elements) == (torch.float32, 2)
    assert (weight.shape, weight.stride, weight.offset) == ((2,), (1,), 0)
    assert type(read["args"]) is Inert
    assert type(read["index"]) is Inert
    assert read["epoch"] == 3


@given(st.data())
def test_changed_bytes_are_followed_or_refused(data: st.DataObject) -> None:
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    with suppress(ModelFormatError):
        read_structure(bytes(content))


OPERATIONS = (
    *(b"}", b"]", b")", b"(", b"N", b"K\1", b"X\1\0\0\0a", b"q\0", b"h\0", b"R", b"b", b"s"),
    *(b"u", b"a", b"e", b"t", b"\x81", b"\x85", b"\x86", b"\x90", b"Q", b"ctorch\nFloatStorage\n"),
    *(b"ctorch\nSize\n", b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n"),
)


@given(st.lists(st.sampled_from(OPERATIONS), max_size=30))
def test_any_operations_are_followed_or_refused(operations: list[bytes]) -> None:
    with suppress(ModelFormatError):
        read_structure(b"\x80\x02" + b"".join(operations) + b".")


def test_what_the_file_sets_on_a_tensor_has_no_effect() -> None:
    """``BUILD`` would write attributes: it cannot turn a checked description into another."""
    built = dumped(tensor(Storage("0", 4)))[:-1] + b"}X\x05\0\0\0shapeK\x09sb."
    with pytest.raises(ModelFormatError):
        read_structure(built)


def test_a_name_that_is_refused_is_shown() -> None:
    with pytest.raises(ModelFormatError, match=r"it names os\.system"):
        read_structure(dumped(Call("os", "system", "true")))
