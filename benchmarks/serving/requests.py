"""The bytes that are sent: the same tensors to every server, in the fastest form that it takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.serving.cases import Case

BINARY = "application/octet-stream"


def tensor(case: Case, rows: int) -> np.ndarray:
    """float32 pixels in [0, 1], ``(rows, C, H, W)``; the same each time."""
    shape = (rows, case.channels, case.size, case.size)
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def oip(case: Case, model: str, rows: int) -> bytes:
    """``POST /v2/models/{model}/infer`` with binary tensors both ways."""
    pixels = tensor(case, rows)
    asked = {
        "inputs": [
            {
                "name": "input",
                "shape": pixels.shape,
                "datatype": "FP32",
                "parameters": {"binary_data_size": pixels.nbytes},
            }
        ],
        "outputs": [{"name": "logits", "parameters": {"binary_data": True}}],
    }
    head = json.dumps(asked).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    return post(f"/v2/models/{model}/infer", head + pixels.tobytes(), BINARY, headers)


def raw(case: Case, path: str, rows: int) -> bytes:
    """The tensor's bytes as the body, for the rivals."""
    return post(path, tensor(case, rows).tobytes(), BINARY, {})


def post(path: str, body: bytes, media_type: str, headers: dict[str, str]) -> bytes:
    """A whole HTTP/1.1 request; the connection stays open after it."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def write(folder: Path, name: str, request: bytes) -> Path:
    """Keeps a request as a file for the load generator."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.http"
    path.write_bytes(request)
    return path
