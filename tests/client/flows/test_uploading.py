"""An upload whose answer was lost."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from client import Polarizer, RejectedError, Retries, UnreachableError
from client.flows import once
from tests.client.wobbly import HANG_UP, Say, wobbly

CONTENT = b"many bytes" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
UPLOAD = {
    "id": "upl_1",
    "sha256": DIGEST,
    "size": len(CONTENT),
    "filename": None,
    "created_at": "2026-11-01T00:00:00Z",
}
FOUND = Say(body=json.dumps({"data": [UPLOAD], "has_more": False}).encode())
NONE = Say(body=b'{"data": [], "has_more": false}')
MADE = Say(201, json.dumps(UPLOAD).encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "clean.npz"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "FIRST_PAUSE", 0.0)


def send(url: str, path: Path) -> str:
    with Polarizer(url, retries=Retries(attempts=1)) as service:
        return service.uploads.create(path).id


def methods(server: object) -> list[str]:
    return [asked.method for asked in server.asked]  # type: ignore[attr-defined]


def test_it_is_looked_for_before_it_is_sent_again(path: Path) -> None:
    with wobbly(NONE, HANG_UP, FOUND) as server:
        assert send(server.url, path) == "upl_1"
        assert methods(server) == ["GET", "POST", "GET"]
        assert server.asked[1].body == CONTENT
        assert f"sha256={DIGEST}" in server.asked[1].path


def test_it_is_sent_again_when_it_did_not_arrive(path: Path) -> None:
    with wobbly(NONE, HANG_UP, NONE, MADE) as server:
        assert send(server.url, path) == "upl_1"
        assert methods(server) == ["GET", "POST", "GET", "POST"]


def test_a_refusal_is_final(path: Path) -> None:
    with wobbly(NONE, Say(413)) as server, pytest.raises(RejectedError):
        send(server.url, path)
    assert methods(server) == ["GET", "POST"]


def test_it_gives_up(path: Path) -> None:
    lost = [NONE, HANG_UP] * 4
    with wobbly(*lost) as server, pytest.raises(UnreachableError):
        send(server.url, path)
    assert methods(server).count("POST") == 4


def test_progress_is_told(path: Path) -> None:
    told: list[int] = []
    with wobbly(NONE, MADE) as server, Polarizer(server.url) as service:
        service.uploads.create(path, on_bytes=told.append)
    assert sum(told) == len(CONTENT)
