"""What a file would hold is counted before it is decoded."""

from __future__ import annotations

import pytest
from onnx import ModelProto

from polarizer.errors import ModelFormatError
from polarizer.onnx.counting import check_fields
from tests.polarizer.onnx.exports import NAMES, content
from tests.polarizer.onnx.graphs import small_cnn

KIND = ModelProto.DESCRIPTOR


@pytest.mark.parametrize("name", NAMES)
def test_real_files_are_far_from_the_limit(name: str) -> None:
    check_fields(content(name), KIND, 20_000)


def test_each_entry_counts_once() -> None:
    made = ModelProto(ir_version=9, producer_name="x")
    made.graph.node.add(input=["a", "b"], output=["c"])
    made.graph.node.add()
    data = made.SerializeToString()  # 3 of the file, 2 nodes, 3 names
    check_fields(data, KIND, 8)
    with pytest.raises(ModelFormatError, match="more than 7 entries"):
        check_fields(data, KIND, 7)


def test_weights_count_as_one_however_large() -> None:
    made = ModelProto()
    made.graph.initializer.add(raw_data=bytes(400))
    made.graph.initializer.add(float_data=[1.0] * 100)
    made.graph.initializer.add(int32_data=[1] * 100)
    check_fields(made.SerializeToString(), KIND, 7)  # the graph, three tensors with one each


def test_other_integers_count_by_their_bytes() -> None:
    made = ModelProto()
    made.graph.initializer.add().int64_data.extend([1] * 100)
    with pytest.raises(ModelFormatError, match="entries"):
        check_fields(made.SerializeToString(), KIND, 100)
    check_fields(made.SerializeToString(), KIND, 103)


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x08" + b"\xff" * 10 + b"\x01",
        b"\x3a\x7f",
        b"\x3b",
        b"\x0d\0\0",
        b"\x3a\x02\x0a\x05",
        b"\x12\x01\xff",
        b"\x3a\x03\x12\x01\xff",
    ],
    ids=[
        *("no value", "endless number", "too long", "a group", "half a number", "too long inside"),
        *("no text", "no text inside"),
    ],
)
def test_damage_is_seen(data: bytes) -> None:
    with pytest.raises(ModelFormatError, match="damaged"):
        check_fields(data, KIND, 100)


def test_a_file_that_is_cut_short_is_damaged() -> None:
    data = small_cnn().SerializeToString()  # the graph is all but its ends
    for end in range(6, len(data) - 6, 7):
        with pytest.raises(ModelFormatError, match="damaged"):
            check_fields(data[:end], KIND, 10_000)
