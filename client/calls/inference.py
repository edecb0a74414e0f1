"""``/v2``, the Open Inference Protocol, with tensors as JSON. For many or large tensors use a
client of that protocol with the binary extension (``tritonclient``), which the service speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from client.call import Call, nothing, record
from client.records import Inference, ModelMetadata


def infer(
    model: str,
    pixels: Sequence[Any],
    *,
    shape: Sequence[int],
    datatype: str = "FP32",
    outputs: Sequence[str] = (),
    version: int | None = None,
) -> Call[Inference]:
    """Logits and probabilities of images (N, C, H, W), as numbers in [0, 1] (``FP32``) or 0…255
    (``UINT8``), nested or flat. ``outputs``: only these; none: all."""
    tensor = {"name": "input", "datatype": datatype, "shape": list(shape), "data": list(pixels)}
    body: dict[str, Any] = {"inputs": [tensor]}
    if outputs:
        body["outputs"] = [{"name": name} for name in outputs]
    return Call("POST", f"{_path(model, version)}/infer", record(Inference), json=body)


def metadata(model: str, *, version: int | None = None) -> Call[ModelMetadata]:
    """What a model takes and answers."""
    return Call("GET", _path(model, version), record(ModelMetadata))


def load(model: str) -> Call[None]:
    """Brings a model into memory before the first request for it comes."""
    return Call("POST", f"/v2/repository/models/{quote(model, safe='')}/load", nothing, wait=60)


def _path(model: str, version: int | None) -> str:
    path = f"/v2/models/{quote(model, safe='')}"
    return path if version is None else f"{path}/versions/{version}"
