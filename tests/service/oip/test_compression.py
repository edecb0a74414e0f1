"""Compressed bodies come out as they went in, and never larger than the bound."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InferenceRequestError, MediaTypeError, TooLargeError
from service.oip.compression import Encoding, accepted, compressed, inflated


@given(st.binary(max_size=5000), st.sampled_from(["gzip", "deflate"]))
def test_there_and_back(body: bytes, encoding: Encoding) -> None:
    assert inflated(compressed(body, encoding), encoding, len(body)) == body


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_no_encoding_changes_nothing(encoding: str) -> None:
    assert inflated(b"body", encoding, 2) == b"body"


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_nothing_grows_past_the_bound(size: int, limit: int) -> None:
    body = gzip.compress(bytes(size))
    if size <= limit:
        assert len(inflated(body, "gzip", limit)) == size
    else:
        with pytest.raises(TooLargeError, match=str(limit)):
            inflated(body, "gzip", limit)


@pytest.mark.parametrize(
    ("body", "encoding", "cause"),
    [
        (b"plain", "gzip", "no gzip"),
        (zlib.compress(b"x"), "gzip", "no gzip"),
        (gzip.compress(b"x", mtime=0), "deflate", "no deflate"),
        (gzip.compress(b"x" * 100, mtime=0)[:-6], "gzip", "too early"),
        (zlib.compress(b"x") + b"more", "deflate", "too late"),
        (b"", "gzip", "too early"),
    ],
)
def test_what_is_damaged_is_refused(body: bytes, encoding: str, cause: str) -> None:
    with pytest.raises(InferenceRequestError, match=cause):
        inflated(body, encoding, 1000)


@pytest.mark.parametrize("encoding", ["br", "gzip, deflate", "zstd"])
def test_another_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(MediaTypeError, match="send gzip, deflate, or none"):
        inflated(b"", encoding, 10)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("GZIP", "gzip"),
        ("br, deflate;q=0.5, gzip;q=0.2", "deflate"),
        ("gzip, deflate", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("br", None),
        ("gzip;q=x, ;;,", None),
    ],
)
def test_answers_go_as_the_client_asks(header: str | None, chosen: Encoding | None) -> None:
    assert accepted(header) == chosen
