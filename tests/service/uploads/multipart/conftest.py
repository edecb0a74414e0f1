"""A service that takes files of several parts, and a client's side of sending them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running

ROOM = {**TEST_LIMITS, "max_upload_bytes": 32 << 20}


@pytest.fixture
def room(stack: Settings) -> Iterator[Site]:
    """On each stack, with room for the parts that S3 wants."""
    settings = stack.model_copy(update={**ROOM, "multipart_links": True})
    migrate(settings)
    with running(settings) as site:
        yield site


@pytest.fixture
def small_room(tmp_path: Path) -> Iterator[Site]:
    """Without servers."""
    settings = Settings(data_dir=tmp_path, **ROOM)
    migrate(settings)
    with running(settings) as site:
        yield site


@dataclass
class Sending:
    """One file on its way, in parts as small as the store takes: two whole ones and a bit."""

    site: Site
    content: bytes = b""
    begun: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        least = self.site.resources.store.parts.least
        self.content = self.content or random.Random(0).randbytes(2 * least + 999)
        answer = self.client.post(
            "/v1/multipart-uploads",
            json={
                "size": len(self.content),
                "sha256": self.digest,
                "filename": "a/model.pt",
                "part_size": 1,
            },
        )
        assert answer.status_code == 201, answer.text
        self.begun = answer.json()
        assert answer.headers["location"] == self.path

    @property
    def client(self) -> httpx.Client:
        return self.site.client

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def path(self) -> str:
        return f"/v1/multipart-uploads/{self.begun['id']}"

    def part(self, number: int) -> bytes:
        size: int = self.begun["part_size"]
        return self.content[(number - 1) * size : number * size]

    def put(self, number: int, content: bytes | None = None, **params: str) -> httpx.Response:
        body = self.part(number) if content is None else content
        return self.client.put(f"{self.path}/parts/{number}", content=body, params=params)

    def put_all(self) -> None:
        for number in range(1, self.begun["part_count"] + 1):
            assert self.put(number).status_code == 200

    def complete(self) -> httpx.Response:
        return self.client.post(f"{self.path}/complete")

    def state(self) -> str:
        found: str = self.client.get(self.path).json()["state"]
        return found


def left(site: Site) -> list[str]:
    """Everything that is stored, on its way in, or begun to be stored."""
    store, spool = site.resources.store, site.settings.spool_dir
    begun = store.tidy(-3600)
    spooled = [path.name for path in spool.iterdir()] if spool.is_dir() else []
    return [item.key for item in store.list()] + spooled + ["begun"] * begun
