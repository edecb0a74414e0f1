"""Content-Encoding: compressed bodies, never inflated past a bound, and compressed answers."""

from __future__ import annotations

import gzip
import zlib
from typing import Literal

from service.errors import InferenceRequestError, MediaTypeError, TooLargeError

Encoding = Literal["gzip", "deflate"]
SMALLEST = 1024
"""Bytes below which compressing an answer is not worth it."""

_WINDOW: dict[str, int] = {"gzip": 31, "deflate": 15}  # zlib's own numbers for its two wrappers


def inflated(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before ``encoding`` (a Content-Encoding header; empty: as it is).

    Raises MediaTypeError for another encoding, TooLargeError before more than ``limit`` bytes are
    made, InferenceRequestError for what is damaged.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in _WINDOW:
        raise MediaTypeError(
            f"the Content-Encoding is {encoding!r:.40}; send gzip, deflate, or none"
        )
    inflater = zlib.decompressobj(_WINDOW[encoding])
    try:
        found = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise InferenceRequestError(f"the body is no {encoding}: {error}") from error
    if len(found) > limit:
        raise TooLargeError(f"the body inflates to more than the {limit} bytes that are taken here")
    if not inflater.eof or inflater.unused_data:
        raise InferenceRequestError(f"the {encoding} of the body ends too early or too late")
    return found


def accepted(header: str | None) -> Encoding | None:
    """The compression that an Accept-Encoding header asks for; None: none that we have."""
    if not header:
        return None
    offered = dict(_weighed(part) for part in header.split(","))
    best: Encoding | None = None
    for known in ("gzip", "deflate"):
        if offered.get(known, 0.0) > (offered[best] if best else 0.0):
            best = known
    return best


def _weighed(part: str) -> tuple[str, float]:
    name, _, weight = part.partition(";")
    try:
        return name.strip().lower(), float(weight.partition("=")[2]) if weight else 1.0
    except ValueError:
        return name.strip().lower(), 0.0


def compressed(body: bytes, encoding: Encoding) -> bytes:
    """Quickly rather than well: logits compress badly."""
    return zlib.compress(body, 1) if encoding == "deflate" else gzip.compress(body, 1)
