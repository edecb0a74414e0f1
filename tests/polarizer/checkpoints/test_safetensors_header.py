"""The header parser: true headers are read, any other bytes are refused, nothing else happens."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from polarizer.checkpoints.limits import CheckpointLimits
from polarizer.checkpoints.safetensors_header import parse_header
from polarizer.errors import ModelFormatError

TENSOR = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def _parse(fields: object, data_size: int = 24, **limits: int) -> Any:
    return parse_header(json.dumps(fields).encode(), data_size, CheckpointLimits(**limits))


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
        st.tuples(
            st.sampled_from([torch.float32, torch.bfloat16, torch.int64, torch.bool]),
            st.lists(st.integers(0, 4), max_size=3),
        ),
        max_size=5,
    )
)
def test_what_safetensors_writes_is_read(wanted: dict[str, tuple[torch.dtype, list[int]]]) -> None:
    tensors = {name: torch.zeros(shape, dtype=dtype) for name, (dtype, shape) in wanted.items()}
    file = save(tensors, {"format": "pt"})
    length = int.from_bytes(file[:8], "little")
    header = parse_header(file[8 : 8 + length], len(file) - 8 - length)
    assert {entry.name: (entry.dtype, list(entry.shape)) for entry in header.tensors} == wanted
    assert header.metadata == {"format": "pt"}
    assert header.data_start == 8 + length


@given(st.binary(max_size=300), st.integers(0, 1000))
def test_any_bytes_are_read_or_refused(header: bytes, data_size: int) -> None:
    with suppress(ModelFormatError):
        parse_header(header, data_size)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.text(max_size=4) | st.just("__metadata__"),
        st.fixed_dictionaries(
            {
                "dtype": st.sampled_from(["F32", "U8", "F4", 3]) | _JSON,
                "shape": st.lists(st.integers(-1, 2**70), max_size=3) | _JSON,
                "data_offsets": st.lists(st.integers(-1, 30), min_size=1, max_size=3) | _JSON,
            }
        )
        | _JSON,
        max_size=4,
    ),
    st.integers(0, 40),
)
def test_whatever_is_read_covers_the_data_exactly(fields: dict[str, Any], data_size: int) -> None:
    try:
        header = _parse(fields, data_size)
    except ModelFormatError:
        return
    covered = 0
    for entry in header.tensors:
        assert entry.begin == covered
        assert entry.end - entry.begin == torch.Size(entry.shape).numel() * entry.dtype.itemsize
        covered = entry.end
    assert covered == data_size


def test_a_true_header_is_read() -> None:
    assert _parse({"a": TENSOR}).tensors[0].shape == (2, 3)


@pytest.mark.parametrize(
    ("fields", "data_size", "word"),
    [
        ([], 0, "object"),
        ({"a": [0, 24]}, 24, "exactly"),
        ({"a": TENSOR | {"code": 1}}, 24, "exactly"),
        ({"a": TENSOR | {"dtype": "F8_E4M3"}}, 24, "F8_E4M3"),
        ({"a": TENSOR | {"dtype": ["F32"]}}, 24, "type"),
        ({"a": TENSOR | {"shape": [2, 4]}}, 24, "bytes"),
        ({"a": TENSOR | {"shape": [2.0, 3]}}, 24, "sizes"),
        ({"a": TENSOR | {"shape": [True, 6]}}, 24, "sizes"),
        ({"a": TENSOR | {"shape": [-2, -3]}}, 24, "sizes"),
        ({"a": TENSOR | {"shape": [2**40, 2**40], "data_offsets": [0, 0]}}, 0, "malformed"),
        ({"a": TENSOR | {"shape": [2**62, 4], "data_offsets": [0, 0]}}, 0, "malformed"),
        ({"a": TENSOR | {"shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}}, 0, "malformed"),
        ({"a": TENSOR | {"shape": [1] * 50, "data_offsets": [0, 4]}}, 4, "malformed"),
        ({"a": TENSOR | {"data_offsets": [24, 0]}}, 24, "bytes"),
        ({"a": TENSOR | {"data_offsets": [0, 24, 24]}}, 24, "malformed"),
        ({"a": TENSOR}, 23, "truncated"),
        ({"a": TENSOR}, 25, "belong to no tensor"),
        ({"a": TENSOR | {"data_offsets": [8, 32]}}, 32, "gap"),
        ({"a": TENSOR, "b": TENSOR | {"data_offsets": [20, 44]}}, 44, "overlaps"),
        ({"a": TENSOR, "b": TENSOR}, 24, "overlaps"),
        ({"__metadata__": {"format": 1}}, 0, "metadata"),
        ({"__metadata__": []}, 0, "metadata"),
    ],
)
def test_a_false_header_is_refused(fields: object, data_size: int, word: str) -> None:
    with pytest.raises(ModelFormatError, match=word):
        _parse(fields, data_size)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"{} {}",
    ],
    ids=lambda header: f"{header[:6]!r}x{len(header)}",
)
def test_what_is_not_json_is_refused(header: bytes) -> None:
    with pytest.raises(ModelFormatError, match="damaged"):
        parse_header(header, 0)


def test_a_name_may_stand_only_once() -> None:
    entry = json.dumps(TENSOR)
    with pytest.raises(ModelFormatError, match="twice"):
        parse_header(f'{{"a": {entry}, "a": {entry}}}'.encode(), 24)


def test_the_number_of_tensors_is_limited() -> None:
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    fields = {str(number): empty for number in range(11)}
    _parse(fields, 0, max_tensors=11)
    with pytest.raises(ModelFormatError, match="11 tensors"):
        _parse(fields, 0, max_tensors=10)
