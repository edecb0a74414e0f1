"""Whatever a request looks like, it is understood as meant or refused with a reason."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polarizer.description import InputSpec
from service.errors import InferenceRequestError
from service.oip import framing, requests
from service.oip.tensors import Pixels, pixels

C, H, W = 2, 4, 5
SPEC = InputSpec(channels=C, height=H, width=W, mean=(0.5,) * C, std=(0.5,) * C)
SIZE = C * H * W

counts = st.integers(1, 4)
floats = counts.flatmap(
    lambda n: arrays(np.float32, (n, C, H, W), elements=st.floats(0, 1, width=32))
)
bytes_ = counts.flatmap(lambda n: arrays(np.uint8, (n, C, H, W)))


def read(body: bytes, header_length: str | None = None) -> Pixels:
    """As the endpoint does."""
    header, tensors = framing.split(body, header_length)
    return pixels(requests.parse(header), tensors, SPEC)


def of(array: np.ndarray, **members: Any) -> dict[str, Any]:
    """The input of an array; a member that is None is left out."""
    kind = "FP32" if array.dtype == np.float32 else "UINT8"
    tensor = {"name": "input", "shape": list(array.shape), "datatype": kind} | members
    return {key: value for key, value in tensor.items() if value is not None}


def in_json(array: np.ndarray, **members: Any) -> bytes:
    return json.dumps({"inputs": [of(array, **{"data": array.tolist()} | members)]}).encode()


def in_binary(array: np.ndarray, **members: Any) -> tuple[bytes, str]:
    sized = {"parameters": {"binary_data_size": array.nbytes}} | members
    header = json.dumps({"inputs": [of(array, **sized)]}).encode()
    return header + array.tobytes(), str(len(header))


# What is meant


def test_a_header_that_came_before_is_read_with_the_tensors_that_follow_it() -> None:
    arrays_ = [np.full((1, C, H, W), value, np.float32) for value in (0.25, 0.5, 0.75)]
    assert len({in_binary(array)[1] for array in arrays_}) == 1
    for array in arrays_ + arrays_:
        np.testing.assert_array_equal(read(*in_binary(array)), array)


def test_what_is_wrong_is_refused_again() -> None:
    body = b'{"inputs": 5}'
    for _ in range(2):
        with pytest.raises(InferenceRequestError, match="inputs"):
            read(body)


@given(st.one_of(floats, bytes_))
def test_binary_pixels_arrive_as_they_are(array: np.ndarray) -> None:
    found = read(*in_binary(array))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@given(st.one_of(floats, bytes_), st.booleans())
def test_json_pixels_arrive_as_they_are(array: np.ndarray, flat: bool) -> None:
    data = array.ravel().tolist() if flat else array.tolist()
    found = read(in_json(array, data=data))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_binary_pixels_are_not_copied() -> None:
    body, length = in_binary(np.zeros((3, C, H, W), np.float32))
    found = read(body, length)
    assert np.shares_memory(found, np.frombuffer(body, np.uint8))


def test_whole_numbers_are_numbers() -> None:
    ones = np.ones((1, C, H, W), np.float32)
    assert read(in_json(ones, data=[1] * SIZE)).dtype == np.float32


def test_unknown_members_are_ignored() -> None:
    request = json.loads(in_json(np.ones((1, C, H, W), np.float32)))
    request |= {"id": "7", "extra": [1], "parameters": {"priority": 3, "custom": "x"}}
    header, _ = framing.split(json.dumps(request).encode(), None)
    assert requests.parse(header).id == "7"


# What is not

ONE = np.full((1, C, H, W), 0.5, np.float32)
DARK = np.zeros((1, C, H, W), np.uint8)
FLAT = [0.5] * SIZE


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "the request"),
        (b"{}", "inputs"),
        (b'{"inputs": {}}', "inputs"),
        (b'{"inputs": []}', "send one that is called 'input'"),
        (b'{"inputs": [NaN]}', "JSON"),
        (in_json(ONE, name="image"), "'image'"),
        (json.dumps({"inputs": [of(ONE, data=FLAT)] * 2}).encode(), "send one"),
        (in_json(ONE, datatype="FP16"), "'FP16'"),
        (in_json(ONE, datatype=3), "inputs.0.datatype"),
        (in_json(ONE, shape=[1, H, W, C]), r"takes \[N, 2, 4, 5\]"),
        (in_json(ONE, shape=[C, H, W]), r"takes \[N, 2, 4, 5\]"),
        (in_json(ONE, shape=[-1, C, H, W]), "inputs.0.shape.0"),
        (in_json(ONE, shape=[1.0, C, H, W]), "inputs.0.shape.0"),
        (in_json(ONE, shape=["1", C, H, W]), "inputs.0.shape.0"),
        (in_json(ONE, shape=[2**62, C, H, W]), "inputs.0.shape.0"),
        (in_json(ONE, shape=[2**31, C, H, W]), "send"),
        (in_json(ONE, shape=[1] * 9), "inputs.0.shape"),
        (in_json(ONE, shape=[0, C, H, W]), "no image"),
        (in_json(ONE, data=None), "no data"),
        (in_json(ONE, data="AAAA"), "no data"),
        (in_json(ONE, data=[]), "has the shape"),
        (in_json(ONE, data=FLAT[:-1]), "has the shape"),
        (in_json(ONE, data=[*FLAT, 0.5]), "has the shape"),
        (in_json(ONE, data=np.zeros((1, W, H, C)).tolist()), "has the shape"),
        (in_json(ONE, data=[FLAT, [0.5]]), "unevenly"),
        (in_json(ONE, data=["0.5"] * SIZE), "numbers only"),
        (in_json(ONE, data=[None] * SIZE), "numbers only"),
        (in_json(ONE, data=[True] * SIZE), "numbers only"),
        (in_json(ONE, data=[1e300] * SIZE), "runs from"),
        (in_json(ONE, data=[255] * SIZE), r"send pixels in \[0, 1\]"),
        (in_json(ONE, data=[-1.5] * SIZE), r"send pixels in \[0, 1\]"),
        (in_json(DARK, data=[256] * SIZE), "0…255"),
        (in_json(DARK, data=[-1] * SIZE), "0…255"),
        (in_json(DARK, data=FLAT), "whole numbers"),
        (in_json(ONE, parameters={"binary_data_size": -4}), "binary_data_size"),
        (in_json(ONE, parameters={"binary_data_size": "4"}), "binary_data_size"),
        (in_json(ONE, parameters={"shared_memory_region": "r"}), "shared memory"),
        (in_json(ONE) + b"\0" * 4, "JSON"),
    ],
)
def test_a_request_that_cannot_be_used_says_why(body: bytes, cause: str) -> None:
    with pytest.raises(InferenceRequestError, match=cause):
        read(body)


def resized(size: int) -> dict[str, Any]:
    return {"parameters": {"binary_data_size": size}}


@pytest.mark.parametrize(
    ("body", "header_length", "cause"),
    [
        (*in_binary(ONE, **resized(ONE.nbytes - 1)), "bytes follow the JSON"),
        (*in_binary(ONE, **resized(ONE.nbytes + 1)), "bytes follow the JSON"),
        (*in_binary(ONE, **resized(2**40)), "bytes follow the JSON"),
        (*in_binary(ONE, data=[0.5]), "both"),
        (*in_binary(ONE, parameters=None), "bytes follow the JSON"),
        (*in_binary(ONE, shape=[2, C, H, W]), f"needs {2 * SIZE * 4}"),
        (*in_binary(ONE, datatype="UINT8"), f"needs {SIZE}"),
        (*in_binary(ONE * np.float32("nan")), "runs from nan"),
        (*in_binary(ONE * np.float32("inf")), "runs from inf"),
        (*in_binary(ONE * np.float32(-2)), "runs from -1"),
    ],
)
def test_binary_data_that_cannot_be_used_says_why(
    body: bytes, header_length: str, cause: str
) -> None:
    with pytest.raises(InferenceRequestError, match=cause):
        read(body, header_length)


@pytest.mark.parametrize(
    "header_length", ["", "x", "-1", "1.0", "²", "9" * 5000, "10001", "0x10", " 1"]
)
def test_a_header_length_that_is_none_is_refused(header_length: str) -> None:
    with pytest.raises(InferenceRequestError, match="Inference-Header-Content-Length is"):
        framing.split(bytes(10_000), header_length)


def test_one_number_that_is_none_is_found_among_many() -> None:
    many = np.full((64, C, H, W), 0.5, np.float32)
    many[40, 1, 2, 3] = np.nan
    with pytest.raises(InferenceRequestError, match="nan"):
        read(*in_binary(many))


def test_json_is_bounded() -> None:
    with pytest.raises(InferenceRequestError, match="binary data"):
        framing.split(bytes(framing.MOST_JSON_BYTES + 1), None)


@given(st.binary(max_size=200), st.one_of(st.none(), st.integers(-5, 300).map(str), st.text()))
def test_noise_is_refused(body: bytes, header_length: str | None) -> None:
    with pytest.raises(InferenceRequestError):
        read(body, header_length)


_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(["name", "shape", "datatype", "parameters", "data"]), _values)
def test_no_member_of_an_input_brings_it_down(member: str, value: object) -> None:
    """Understood, or refused: nothing else."""
    with suppress(InferenceRequestError):
        read(json.dumps({"inputs": [of(ONE, data=FLAT) | {member: value}]}).encode())
