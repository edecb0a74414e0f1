"""Slow, endless and malformed clients on real connections to a real server."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from service.http import protocol
from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.http.sockets import connected, rest, status, trickle

HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
HOUR = 3600.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("guarded"),
        **TEST_LIMITS,
        http_head_seconds=HOUR,
        http_idle_seconds=HOUR,
        http_body_seconds=HOUR,
        http_write_seconds=HOUR,
        http_head_bytes=4096,
    )
    migrate(settings)
    return settings


@pytest.fixture(scope="module")
def patient(folder: Settings) -> Iterator[Site]:
    """Waits for everything."""
    with running(folder) as site:
        yield site


@pytest.fixture
def site(folder: Settings, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Waits for everything but what the test names."""
    with running(folder.model_copy(update=request.param)) as site:
        yield site


def waits(**settings: float) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("site", [settings], indirect=True, ids=["-".join(settings)])


def a_problem(answer: bytes, expected: int, slug: str) -> None:
    """The whole answer is this problem, with the headers of every answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == expected, answer
    assert b"content-type: application/problem+json" in head.lower()
    assert b"x-content-type-options: nosniff" in head.lower()
    assert b"connection: close" in head.lower()
    assert json.loads(body)["type"] == f"urn:polarizer:problem:{slug}"


@waits(http_head_seconds=0.2)
def test_a_connection_that_says_nothing(site: Site) -> None:
    with connected(site) as connection:
        assert rest(connection) == b""


@waits(http_head_seconds=0.2)
@pytest.mark.parametrize("start", [HEAD, b"G", HEAD + b"X-Long: "], ids=["head", "verb", "header"])
def test_a_head_that_does_not_end(site: Site, start: bytes) -> None:
    with connected(site) as connection:
        connection.sendall(start)
        a_problem(rest(connection), 408, "slow-request")


@waits(http_head_seconds=0.5)
def test_a_head_that_comes_byte_by_byte(site: Site) -> None:
    with connected(site) as connection:
        connection.sendall(HEAD)
        a_problem(trickle(connection, b"X: y\r\n"), 408, "slow-request")


@waits(http_head_seconds=0.3)
def test_a_second_head_that_does_not_end(site: Site) -> None:
    with connected(site) as connection:
        connection.sendall(HEAD + b"\r\n" + HEAD)
        answers = rest(connection)
    assert status(answers) == 200
    assert b"HTTP/1.1 408 " in answers


def answered(connection: socket.socket) -> int:
    """The status of an answer that is taken whole: its head and its body may come apart."""
    head, body = b"", b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(4096)
    head, _, body = head.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert length
    while len(body) < int(length[1]):
        body += connection.recv(4096)
    return status(head)


@waits(http_idle_seconds=0.2)
@pytest.mark.parametrize("between", [b"", b"\r\n"], ids=["silent", "empty-lines"])
def test_an_idle_connection(site: Site, between: bytes) -> None:
    with connected(site) as connection:
        connection.sendall(HEAD + b"\r\n")
        assert answered(connection) == 200
        assert trickle(connection, between) == b""


@waits(http_body_seconds=0.2)
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"], ids=["length", "chunked"]
)
@pytest.mark.parametrize("path", [b"/v1/uploads", b"/v1/defenses"], ids=["file", "json"])
def test_a_body_that_stands_still(site: Site, path: bytes, framing: bytes) -> None:
    with connected(site) as connection:
        connection.sendall(
            b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\n" + framing + b"\r\n\r\n"
        )
        a_problem(rest(connection), 408, "slow-request")


@waits(http_body_seconds=0.5)
def test_a_body_that_comes_byte_by_byte(site: Site) -> None:
    with connected(site) as connection:
        connection.sendall(
            b"POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"
        )
        a_problem(trickle(connection, b"x"), 408, "slow-request")


@waits(http_body_seconds=0.5)
def test_a_chunk_that_is_all_extension(site: Site) -> None:
    with connected(site) as connection:
        connection.sendall(
            b"POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;"
        )
        assert status(trickle(connection, b"x" * 100)) in (0, 400, 408)


def test_a_body_that_nobody_wants_is_not_waited_for(
    patient: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.2)
    with connected(patient) as connection:
        connection.sendall(
            b"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
        )
        assert answered(connection) == 404
        assert trickle(connection, b"x") == b""


def test_a_body_that_nobody_wanted_but_that_came_leaves_the_connection_alone(patient: Site) -> None:
    with connected(patient) as connection:
        connection.sendall(
            b"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
        )
        assert answered(connection) == 404
        connection.sendall(b"body" + HEAD + b"\r\n")
        assert answered(connection) == 200


@waits(http_write_seconds=0.2)
def test_a_client_that_does_not_read(site: Site) -> None:
    """Requests that are answered by more than any buffer holds, and never read."""

    def ask(connection: socket.socket) -> None:
        for _ in range(100_000):
            connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(1)  # one byte for thousands

    with connected(site) as connection, pytest.raises(OSError, match="reset|Broken pipe"):
        ask(connection)


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X-Long: " + b"x" * 5000,
        HEAD + b"X-Long: " + b"x" * 5000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(101)) + b"\r\n",
        HEAD + b"X: y\r\n" * 2000,
        b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"x" * 5000,
    ],
    ids=["endless", "long", "many", "endless-many", "address", "endless-address"],
)
def test_a_head_that_is_too_large(patient: Site, head: bytes) -> None:
    with connected(patient) as connection:
        connection.sendall(head)
        if b"HTTP/1.1" not in head or not head.endswith(b"\r\n\r\n"):
            answer = trickle(connection, b"x" * 100)
        else:
            answer = rest(connection)
    a_problem(answer, 431, "head-too-large")


def test_a_head_below_the_limits(patient: Site) -> None:
    with connected(patient) as connection:
        connection.sendall(HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(90)) + b"\r\n")
        assert answered(connection) == 200


def _post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"POST /healthz HTTP/1.1", b"Host: localhost", *headers, b"", body))


NOT_HTTP = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00",
    "version": b"GET / HTTP/9.9\r\n\r\n",
    "two lengths": _post(b"Content-Length: 1", b"Content-Length: 2", body=b"xx"),
    "length and chunks": _post(
        b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "coding after chunked": _post(b"Transfer-Encoding: chunked, identity"),
    "negative length": _post(b"Content-Length: -1"),
    "huge length": _post(b"Content-Length: 99999999999999999999"),
    "length in hexadecimal": _post(b"Content-Length: 0x1", body=b"x"),
    "space before the colon": _post(b"X : y"),
    "folded header": _post(b"X: y", b" z\x00"),
    "nul in a name": _post(b"X\x00: y"),
    "address that is not ASCII": b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a tunnel": b"CONNECT x HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_not_http(patient: Site, request_bytes: bytes) -> None:
    with connected(patient) as connection:
        connection.sendall(request_bytes)
        a_problem(rest(connection), 400, "bad-request")


def test_a_chunk_that_is_none(patient: Site) -> None:
    with connected(patient) as connection:
        connection.sendall(
            b"POST /v1/uploads HTTP/1.1\r\nHost: localhost\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
        )
        a_problem(rest(connection), 400, "bad-request")
    assert patient.client.get("/v1/uploads").json()["data"] == []


def test_many_requests_sent_ahead(patient: Site) -> None:
    with connected(patient) as connection:
        connection.sendall((HEAD + b"\r\n") * 10)
        answers = b""
        while answers.count(b'{"status":"ok"}') < 10:
            answers += connection.recv(65536)
    with connected(patient) as connection:
        connection.sendall((HEAD + b"\r\n") * 500)
        assert rest(connection).count(b"HTTP/1.1 200") < 500


@waits(http_connections=3)
def test_too_many_connections(site: Site) -> None:
    with connected(site), connected(site), connected(site) as third:
        third.sendall(HEAD + b"\r\n")
        assert answered(third) == 200
        with connected(site) as fourth:
            answer = rest(fourth)
        a_problem(answer, 503, "unavailable")
        assert b"Retry-After: 5" in answer
