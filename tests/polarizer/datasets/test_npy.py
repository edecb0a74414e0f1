"""The header of an array: numpy's own are read, any other bytes are refused."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as np_st

from polarizer.datasets.npy import LONGEST_HEADER, MAGIC, array_from, parse_npy_header
from polarizer.errors import DatasetFormatError

ARRAYS = np_st.arrays(
    st.sampled_from(["|u1", "<i8", ">i4", "<f4", ">f8", "<f2", "|b1"]),
    np_st.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)


def _npy(text: bytes, version: int = 1, data: bytes = b"") -> bytes:
    width = 2 if version == 1 else 4
    return MAGIC + bytes([version, 0]) + len(text).to_bytes(width, "little") + text + data


@given(ARRAYS, st.sampled_from(["C", "F"]), st.sampled_from([(1, 0), (2, 0), (3, 0), None]))
def test_what_numpy_writes_is_read(array: np.ndarray, order: str, version: object) -> None:
    file = BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order=order), version)
    content = file.getvalue()
    header = parse_npy_header("a", content[:LONGEST_HEADER])
    read = array_from("a", header, content)
    assert read.dtype == array.dtype
    assert read.shape == array.shape
    assert read.tobytes() == array.tobytes()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for candidate in (content, MAGIC + b"\x01\x00" + content, _npy(content), _npy(content, 2)):
        with suppress(DatasetFormatError):
            parse_npy_header("a", candidate)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["<f4", "|O", "|V8", "<U3", "<f16", "=u1"])
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
)


@given(
    st.fixed_dictionaries(
        {
            "descr": st.sampled_from(["|u1", "<f4"]) | VALUES,
            "fortran_order": st.booleans() | VALUES,
            "shape": st.lists(st.integers(0, 4), max_size=3).map(tuple) | VALUES,
        },
        optional={"more": VALUES},
    ),
    st.integers(0, 64),
)
def test_no_header_promises_what_is_not_there(fields: dict[str, object], size: int) -> None:
    content = _npy(repr(fields).encode("latin-1", "replace"), 1, bytes(size))
    with suppress(DatasetFormatError):
        header = parse_npy_header("a", content)
        array = array_from("a", header, content)
        assert array.nbytes == size
        assert array.dtype.kind in "uifb"


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (GOOD.replace("<f4", "|O"), "plain numbers"),
        (GOOD.replace("'<f4'", "[('a', '<f4')]"), "plain numbers"),
        (GOOD.replace("<f4", "<i1000000000"), "plain numbers"),
        (GOOD.replace("(2, 3)", "(2, -3)"), "shape"),
        (GOOD.replace("(2, 3)", "(True, 3)"), "shape"),
        (GOOD.replace("(2, 3)", "(1099511627776, 1099511627776)"), "shape"),
        (GOOD.replace("(2, 3)", "(0, 1099511627775, 1099511627775)"), "shape"),
        (GOOD.replace("(2, 3)", str((1,) * 9)), "shape"),
        (GOOD.replace("(2, 3)", "__import__('os').getpid()"), "header"),
        (GOOD.replace("'shape'", "'form'"), "header"),
        ("(" * 2000, "header"),
        ("-" * 3000 + "1", "header"),
        ("[" * 90 + "]" * 90, "header"),
        ("   ", "header"),
        (r"{'\d': 1in[]}", "header"),
    ],
)
def test_hostile_headers_are_refused(text: str, word: str) -> None:
    parse_npy_header("a", _npy(GOOD.encode()))
    with pytest.raises(DatasetFormatError, match=word):
        parse_npy_header("a", _npy(text.encode()))


def test_an_endless_header_is_refused() -> None:
    endless = MAGIC + b"\x02\x00" + (2**31).to_bytes(4, "little") + b" " * LONGEST_HEADER
    with pytest.raises(DatasetFormatError, match="longer"):
        parse_npy_header("a", endless)
