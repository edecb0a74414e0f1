"""A model's file over connections that break."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from client import DigestError, Polarizer, Retries, UnreachableError
from tests.client.wobbly import Asked, Say, wobbly

CONTENT = bytes(range(256)) * 40
MODEL = {
    "id": "mdl_1",
    "name": None,
    "defense_id": None,
    "method": "stage",
    "description": {},
    "numbers": {},
    "alarm": None,
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "size": len(CONTENT),
    "created_at": "2026-11-01T00:00:00Z",
}
ABOUT = Say(body=json.dumps(MODEL).encode())
BINARY = {"content-type": "application/octet-stream"}
WHOLE = Say(body=CONTENT, headers=BINARY)
BROKEN = Say(body=CONTENT, headers=BINARY, cut=4000)


def rest(asked: Asked) -> Say:
    """As an object store answers a range."""
    begin = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
    said = BINARY | {"content-range": f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    return Say(206, CONTENT[begin:], said)


def bring(url: str, path: Path, attempts: int = 3) -> Path:
    with Polarizer(url) as service:
        retries = Retries(attempts=attempts, base=0)
        return service.models.download("mdl_1", path, retries=retries)


def test_it_goes_on_where_it_broke(tmp_path: Path) -> None:
    with wobbly(ABOUT, BROKEN, rest) as server:
        assert bring(server.url, tmp_path / "m").read_bytes() == CONTENT
        assert server.asked[2].headers["range"] == "bytes=4000-"
        assert server.asked[2].headers["if-range"] == f'"{MODEL["sha256"]}"'
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_it_begins_anew_where_ranges_are_not_known(tmp_path: Path) -> None:
    with wobbly(ABOUT, BROKEN, WHOLE) as server:
        assert bring(server.url, tmp_path / "m").read_bytes() == CONTENT


def test_a_later_run_goes_on(tmp_path: Path) -> None:
    with wobbly(ABOUT, BROKEN) as server, pytest.raises(UnreachableError):
        bring(server.url, tmp_path / "m", attempts=1)
    assert not (tmp_path / "m").exists()
    with wobbly(ABOUT, rest) as server:
        assert bring(server.url, tmp_path / "m").read_bytes() == CONTENT
        assert "range" in server.asked[1].headers


def test_other_bytes_are_not_kept(tmp_path: Path) -> None:
    other = Say(body=CONTENT[::-1], headers=BINARY)
    with wobbly(ABOUT, other) as server, pytest.raises(DigestError, match="nothing was kept"):
        bring(server.url, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_store_gets_the_range_and_no_key(tmp_path: Path) -> None:
    with wobbly(BROKEN, rest) as store:
        link = Say(307, headers={"location": f"{store.url}/signed?x=1"})
        with wobbly(ABOUT, link) as server, Polarizer(server.url, "np_secret") as service:
            retries = Retries(base=0)
            path = service.models.download("mdl_1", tmp_path / "m", retries=retries)
        assert path.read_bytes() == CONTENT
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer np_secret"}
        assert [asked.headers.get("range") for asked in store.asked] == [None, "bytes=4000-"]
        assert not any("authorization" in asked.headers for asked in store.asked)
