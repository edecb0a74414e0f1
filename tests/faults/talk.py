"""One client's side of HTTP: any of the APIs, perhaps no answer, and never some answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import httpx

from tests.faults.promises import Promises

PATIENCE = 12.0
"""Seconds until a client gives an answer up."""

EXPECTED = {200, 201, 202, 204, 404, 409, 422, 503}
"""Statuses that a client may see while parts are away. 422: an upload was deleted meanwhile."""


class Talk:
    """``ask`` gives None when no answer came."""

    def __init__(self, urls: Sequence[str], promises: Promises, chance: random.Random) -> None:
        self._urls = urls
        self._promises = promises
        self._chance = chance
        self._client = httpx.Client(timeout=PATIENCE)

    def ask(self, method: str, path: str, **body: Any) -> httpx.Response | None:
        url = self._chance.choice(self._urls) + path
        try:
            answer = self._client.request(method, url, **body)
        except (httpx.TransportError, LeftError) as error:
            self._promises.count(type(error).__name__)
            return None
        self._promises.count(str(answer.status_code))
        if answer.status_code not in EXPECTED:
            detail = f"{answer.status_code} {answer.text[:300]}"
            self._promises.broken("no unexpected answer", f"{method} {path}", detail)
        if answer.status_code == 503 and "lost-blob" in answer.text:
            self._promises.broken("stored bytes are there", path, answer.text[:300])
        return answer

    def close(self) -> None:
        self._client.close()


class LeftError(Exception):
    """The client went away in the middle of what it sent."""
