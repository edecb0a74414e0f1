"""The binary tensor extension's framing: JSON, then the tensors' bytes one after the other.

``Inference-Header-Content-Length`` says where the JSON ends; without it the whole body is JSON.
Source: the "binary tensor data" extension of Triton's HTTP protocol.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.errors import InferenceRequestError

HEADER_LENGTH = "Inference-Header-Content-Length"
MOST_JSON_BYTES = 16 << 20
"""A number of JSON takes up to five times its bytes in memory; binary tensors take none."""


def split(body: bytes, header_length: str | None) -> tuple[memoryview, memoryview]:
    """The JSON and the tensors of a body, as views of it. Raises InferenceRequestError."""
    whole = memoryview(body)
    length = len(body) if header_length is None else _length(header_length, len(body))
    if length > MOST_JSON_BYTES:
        raise InferenceRequestError(
            f"the JSON is {length} bytes long, at most {MOST_JSON_BYTES} are taken: send tensors"
            f" as binary data behind it, with the header {HEADER_LENGTH}"
        )
    return whole[:length], whole[length:]


def _length(value: str, size: int) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise InferenceRequestError(
            f"{HEADER_LENGTH} is {value!r:.40}; send the number of bytes of the JSON"
        )
    if len(value) > len(str(size)) or int(value) > size:
        raise InferenceRequestError(
            f"{HEADER_LENGTH} is {value:.20}, but the body has {size} bytes; it counts the JSON"
            " before the binary tensors (decompressed, where the body is compressed)"
        )
    return int(value)


def cut(tensors: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    """The tensors, each a view of its size. Raises InferenceRequestError unless they are all."""
    if sum(sizes) != len(tensors):
        raise InferenceRequestError(
            f"{len(tensors)} bytes follow the JSON, the inputs announce {sum(sizes)} with"
            " binary_data_size; send exactly these"
        )
    pieces, start = [], 0
    for size in sizes:
        pieces.append(tensors[start : start + size])
        start += size
    return pieces
