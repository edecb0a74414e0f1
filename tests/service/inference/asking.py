"""Predictions asked for over HTTP, and what of an answer is compared."""

from __future__ import annotations

import httpx
import torch
from torch import Tensor

from tests.service.conftest import Site


def ask(
    site: Site, model_id: str, content: bytes, kind: str = "image/png", **params: str
) -> httpx.Response:
    return site.client.post(
        f"/v1/models/{model_id}/predict",
        content=content,
        headers={"content-type": kind},
        params=params,
    )


def ask_several(site: Site, model_id: str, *images: bytes, **params: str) -> httpx.Response:
    files = [("image", (f"{number}.png", image)) for number, image in enumerate(images)]
    return site.client.post(f"/v1/models/{model_id}/predict", files=files, params=params)


def probabilities(answer: httpx.Response, classes: int) -> Tensor:
    """``(N, K)``, of an answer that names all classes."""
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert [prediction["index"] for prediction in predictions] == list(range(len(predictions)))
    table = torch.zeros(len(predictions), classes)
    for prediction in predictions:
        for ranked in prediction["top"]:
            table[prediction["index"], ranked["index"]] = ranked["probability"]
    return table


def require_same(answer: httpx.Response, before: httpx.Response) -> None:
    """The same answer, to the last digits: sums in another order differ by rounding."""
    found, expected = (probabilities(each, 7) for each in (answer, before))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def engine_pid(site: Site) -> int:
    pid = site.resources.inference.engines[0].pid
    assert pid
    return pid
