"""An answer's bytes: JSON, and behind it the outputs that are wanted as binary data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from service.oip.outputs import Output, datatype


@dataclass(frozen=True)
class Encoded:
    """A body; ``header_length`` bytes of it are JSON, None: all of it."""

    body: bytes
    header_length: int | None


def encode(name: str, version: str, request_id: str | None, outputs: Sequence[Output]) -> Encoded:
    """The answer to an inference request."""
    answer: dict[str, Any] = {"model_name": name, "model_version": version}
    if request_id is not None:
        answer["id"] = request_id
    answer["outputs"] = [_described(output) for output in outputs]
    header = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    binary = [output.array.tobytes() for output in outputs if output.binary]
    if not binary:
        return Encoded(header, None)
    return Encoded(b"".join([header, *binary]), len(header))


def _described(output: Output) -> dict[str, Any]:
    """Numbers are flat and row-major, as the protocol recommends."""
    told: dict[str, Any] = {
        "name": output.name,
        "datatype": datatype(output.name),
        "shape": output.array.shape,
    }
    if output.binary:
        return told | {"parameters": {"binary_data_size": output.array.nbytes}}
    return told | {"data": output.array.ravel()}
