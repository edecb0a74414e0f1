"""Uploads over HTTP, on both stacks."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from service.settings import Settings
from tests.service.conftest import Site, migrate, running
from tests.service.test_app import problem

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def upload(site: Site, content: bytes = CONTENT, **params: str) -> httpx.Response:
    return site.client.post("/v1/uploads", content=content, params=params)


def spooled(site: Site) -> list[Path]:
    folder = site.settings.spool_dir
    return list(folder.iterdir()) if folder.is_dir() else []


def stored(site: Site) -> list[str]:
    return [item.key for item in site.resources.store.list()]


def test_an_upload_is_kept_listed_and_forgotten(site: Site) -> None:
    created = upload(site, filename="../dir/mo\x00del.pt")
    assert created.status_code == 201
    body = created.json()
    assert body["sha256"] == SHA256
    assert body["size"] == len(CONTENT)
    assert body["filename"] == "mo_del.pt"
    assert created.headers["location"] == f"/v1/uploads/{body['id']}"

    assert site.client.get(created.headers["location"]).json() == body
    assert site.client.get("/v1/uploads").json() == {"data": [body], "has_more": False}
    assert spooled(site) == []
    assert len(stored(site)) == 1

    assert site.client.delete(created.headers["location"]).status_code == 204
    problem(site.client.get(created.headers["location"]), 404, "not-found")
    problem(site.client.delete(created.headers["location"]), 404, "not-found")
    assert stored(site) == []


def test_pages_go_back_in_time(small_site: Site) -> None:
    ids = [upload(small_site, bytes([i])).json()["id"] for i in range(5)]
    seen: list[str] = []
    while True:
        params = {"limit": "2"} | ({"after": seen[-1]} if seen else {})
        page = small_site.client.get("/v1/uploads", params=params).json()
        seen += [item["id"] for item in page["data"]]
        if not page["has_more"]:
            break
    assert seen == sorted(ids, reverse=True)


@pytest.mark.parametrize("limit", ["0", "101", "x"])
def test_a_page_has_a_bound(quiet_site: Site, limit: str) -> None:
    problem(quiet_site.client.get("/v1/uploads", params={"limit": limit}), 422, "invalid-request")


def test_an_empty_body_is_refused(quiet_site: Site) -> None:
    body = problem(upload(quiet_site, b""), 422, "invalid-request")
    assert "empty" in str(body["detail"])
    assert spooled(quiet_site) == []


@pytest.mark.parametrize("declared", [True, False])
def test_over_the_limit_is_refused_and_leaves_nothing(small_site: Site, declared: bool) -> None:
    over = small_site.settings.max_upload_bytes + 1

    def chunks() -> Iterator[bytes]:
        for start in range(0, over, 1 << 16):
            yield bytes(min(1 << 16, over - start))

    response = small_site.client.post("/v1/uploads", content=bytes(over) if declared else chunks())
    problem(response, 413, "too-large")
    assert spooled(small_site) == []
    assert stored(small_site) == []
    assert small_site.client.get("/v1/uploads").json()["data"] == []


def test_exactly_the_limit_is_taken(quiet_site: Site) -> None:
    assert upload(quiet_site, bytes(quiet_site.settings.max_upload_bytes)).status_code == 201


def test_the_answer_to_too_much_comes_before_the_rest(quiet_site: Site) -> None:
    """A chunked body that goes on for ever is answered at the limit."""
    with socket.create_connection(quiet_site.host(), timeout=20) as connection:
        connection.sendall(
            b"POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        megabyte = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        for _ in range(quiet_site.settings.max_upload_bytes // (1 << 20) + 1):
            connection.sendall(megabyte)
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def _header(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def test_a_promised_digest_is_checked(quiet_site: Site) -> None:
    def post(header: str | None = None, **params: str) -> httpx.Response:
        headers = {"Content-Digest": header} if header else {}
        return quiet_site.client.post(
            "/v1/uploads", content=CONTENT, headers=headers, params=params
        )

    assert post(sha256=SHA256).status_code == 201
    assert post(_header(CONTENT)).status_code == 201
    assert post(f"md5=:AAAA:, {_header(CONTENT)}", sha256=SHA256).status_code == 201
    assert post("md5=:AAAA:").status_code == 201
    for refused in (
        post(sha256="0" * 64),
        post(sha256="xyz"),
        post(_header(b"other")),
        post(_header(b"other"), sha256=SHA256),
        post("sha-256=abc"),
        post("sha-256=:AAAA:"),
        post("sha-256=:A:"),
    ):
        problem(refused, 422, "invalid-request")
    assert spooled(quiet_site) == []


def test_a_client_that_leaves_leaves_nothing_behind(small_site: Site) -> None:
    arrived = threading.Event()
    spool = small_site.settings.spool_dir
    with socket.create_connection(small_site.host(), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n"
        )
        connection.sendall(bytes(2_500_000))
        wait_until(lambda: any(path.stat().st_size for path in spooled(small_site)), arrived)
    wait_until(lambda: spooled(small_site) == [], arrived)
    assert spool.is_dir()
    assert stored(small_site) == []
    assert small_site.client.get("/v1/uploads").json()["data"] == []


def wait_until(condition, never: threading.Event, seconds: float = 20) -> None:
    """Polls; for what another process or thread does without telling."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            return
        never.wait(0.01)
    pytest.fail("it did not happen in time")


def test_the_same_bytes_are_stored_once(site: Site) -> None:
    first, second = upload(site).json(), upload(site).json()
    assert first["id"] != second["id"]
    assert first["sha256"] == second["sha256"]
    assert len(stored(site)) == 1
    site.client.delete(f"/v1/uploads/{first['id']}")
    assert len(stored(site)) == 1


def test_a_store_that_is_away_is_a_503_and_the_service_goes_on(small_site: Site) -> None:
    store = small_site.settings.data_dir / "store"
    store.write_text("not a folder")
    response = upload(small_site)
    problem(response, 503, "unavailable")
    assert response.headers["retry-after"]
    store.unlink()
    assert upload(small_site).status_code == 201
    assert spooled(small_site) == []


def test_a_large_body_takes_little_memory(tmp_path: Path) -> None:
    """Measured on this very process, which serves; the client sends from a generator."""
    settings = Settings(data_dir=tmp_path, max_upload_bytes=400 << 20)
    migrate(settings)
    with running(settings) as site:
        upload(site)
        sent = Measured(300)
        assert site.client.post("/v1/uploads", content=sent).json()["size"] == 300 << 20
        assert sent.growth < 60 << 20
    assert spooled(site) == []


class Measured:
    """So many megabytes to send, and how much larger this process became meanwhile."""

    def __init__(self, megabytes: int, head: bytes = b"", tail: bytes = b"") -> None:
        self._parts = [head] * bool(head), megabytes, [tail] * bool(tail)
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.growth = 0

    def __iter__(self) -> Iterator[bytes]:
        head, megabytes, tail = self._parts
        yield from head
        for _ in range(megabytes):
            yield bytes(1 << 20)
            self.growth = max(self.growth, self._process.memory_info().rss - self._before)
        yield from tail
