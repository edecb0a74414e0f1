"""Defenses to test with: requests, and a worker that is played by the test."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.defenses import lifecycle
from service.defenses.lifecycle import Lease
from service.resources import Resources
from tests.service.conftest import Site

DESCRIPTION: dict[str, Any] = {
    "architecture": {"name": "small_cnn", "num_classes": 3},
    "input": {"channels": 3, "height": 8, "width": 8, "mean": [0.5] * 3, "std": [0.5] * 3},
    "classes": ["cat", "dog", "newt"],
}


def upload(site: Site, content: bytes = b"bytes") -> str:
    """The id of a new upload."""
    identifier: str = site.client.post("/v1/uploads", content=content).json()["id"]
    return identifier


def body(site: Site, **changes: Any) -> dict[str, Any]:
    """A good JSON request that names fresh uploads."""
    return {
        "model": {"upload": upload(site, b"model")},
        "clean": {"upload": upload(site, b"clean")},
        "description": DESCRIPTION,
    } | changes


def submit(site: Site, **changes: Any) -> httpx.Response:
    return site.client.post("/v1/defenses", json=body(site, **changes))


def post_form(site: Site, /, headers: dict[str, str] | None = None, **parts: Any) -> httpx.Response:
    """A multipart request; bytes become files, everything else a JSON field."""
    files = {
        name: (f"{name}.bin", part) if isinstance(part, bytes) else (None, json.dumps(part))
        for name, part in parts.items()
    }
    return site.client.post("/v1/defenses", files=files, headers=headers)


@dataclass(frozen=True)
class Worker:
    """Does to the database what a worker does, when the test says so."""

    resources: Resources
    folder: Path

    def claim(self, defense_id: str, seconds: float = 60) -> Lease:
        with self.resources.database.write() as session:
            lease = lifecycle.claim(session, defense_id, worker="test", seconds=seconds)
        assert lease is not None
        return lease

    def report(self, lease: Lease, kind: str, data: dict[str, Any], **columns: Any) -> None:
        with self.resources.database.write() as session:
            lifecycle.report(session, lease, kind, data, **columns)

    def succeed(self, lease: Lease, report: bytes = b"{}", **numbers: float) -> None:
        path = self.folder / "report.json"
        path.write_bytes(report)
        blob_id = self.resources.blobs.keep(
            path, hashlib.sha256(report).hexdigest(), tenant="default"
        )
        with self.resources.database.write() as session:
            lifecycle.succeed(session, lease, numbers=numbers, report_blob_id=blob_id)

    def fail(self, lease: Lease, code: str, message: str) -> None:
        with self.resources.database.write() as session:
            lifecycle.fail(session, lease, code=code, message=message)

    def confirm_cancel(self, lease: Lease) -> None:
        with self.resources.database.write() as session:
            lifecycle.confirm_cancel(session, lease)


@pytest.fixture
def worker(site: Site, tmp_path: Path) -> Worker:
    return Worker(site.resources, tmp_path)


@pytest.fixture
def small_worker(small_site: Site, tmp_path: Path) -> Worker:
    return Worker(small_site.resources, tmp_path)
