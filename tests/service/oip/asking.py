"""Requests of the protocol over HTTP, and what of an answer is looked at."""

from __future__ import annotations

import json
from typing import Any

import httpx
import numpy as np

from tests.service.conftest import Site
from tests.service.inference.artefacts import SIZE
from tests.service.oip.conftest import NAME

SHAPE = [1, 3, SIZE, SIZE]
PIXELS = bytes(3 * SIZE * SIZE)
PATIENCE = 240
"""Seconds: an engine has to start first."""


def infer(
    site: Site, header: Any, tensors: bytes = b"", *, name: str = NAME, **headers: str
) -> httpx.Response:
    """A request of a JSON header and binary tensors."""
    start = json.dumps(header).encode()
    framing = {"Inference-Header-Content-Length": str(len(start))}
    content = start + tensors
    url = f"/v2/models/{name}/infer"
    return site.client.post(url, content=content, headers=framing | headers, timeout=PATIENCE)


def sized(**members: Any) -> dict[str, Any]:
    """A header for :data:`PIXELS`."""
    tensor = {
        "name": "input",
        "datatype": "UINT8",
        "shape": SHAPE,
        "parameters": {"binary_data_size": len(PIXELS)},
    }
    return {"inputs": [tensor | members]}


def refused(answer: httpx.Response, status: int) -> str:
    """The message of an error in the protocol's form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    return str(answer.json()["error"])


def logits(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    (found,) = [each for each in answer.json()["outputs"] if each["name"] == "logits"]
    return np.array(found["data"], np.float32).reshape(found["shape"])


def outputs_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {output["name"]: output for output in answer.json()["outputs"]}
