"""Receivers that misbehave, and names that change their mind."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.webhooks.addresses import Target, target
from service.webhooks.sending import Outcome, Sender

Talk = Callable[[socket.socket], None]


@contextmanager
def listening(talk: Talk, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of somebody who takes one connection and talks like this."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            with listener.accept()[0] as connection:
                connection.settimeout(20)
                if context is None:
                    talk(connection)
                else:
                    with context.wrap_socket(connection, server_side=True) as safe:
                        talk(safe)
        except OSError:  # the sender has left
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(20)
        assert not thread.is_alive()


def _here(port: int, scheme: str = "http") -> Target:
    return target(f"{scheme}://hooks.example:{port}/", (f"hooks.example:{port}",))


def _loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def _hear(connection: socket.socket) -> None:
    """The whole request: what is closed before that destroys its answer."""
    heard = b""
    while not heard.endswith(b"{}"):
        heard += connection.recv(65536)


def _answer(text: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        _hear(connection)
        connection.sendall(text)

    return talk


def _drips(connection: socket.socket) -> None:
    _hear(connection)
    waiting = threading.Event()
    while True:
        connection.sendall(b"H")
        waiting.wait(0.02)


def _floods(connection: socket.socket) -> None:
    _hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    while True:
        connection.sendall(bytes(65536))


def _holds(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


@pytest.mark.parametrize(
    ("talk", "outcome"),
    [
        (_answer(b"HTTP/1.1 204 No Content\r\n\r\n"), Outcome(204, None)),
        (_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), Outcome(200, None)),
        (_floods, Outcome(200, None)),
        (_answer(b"HTTP/1.1 301 M\r\nLocation: /\r\n\r\n"), Outcome(301, "the answer was 301")),
        (_answer(b"HTTP/1.1 500 secret words\r\n\r\n"), Outcome(500, "the answer was 500")),
    ],
    ids=["204", "body that never comes", "endless body", "redirect", "500"],
)
def test_answers(talk: Talk, outcome: Outcome) -> None:
    with listening(talk) as port:
        assert Sender(_loopback, seconds=5).post(_here(port), {}, b"{}") == outcome


@pytest.mark.parametrize(
    "talk",
    [
        _drips,
        _holds,
        lambda connection: None,
        _answer(b"SSH-2.0-x\r\n"),
        _answer(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000),
        _answer(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"),
    ],
    ids=["drips", "silent", "leaves", "not HTTP", "endless header", "many headers"],
)
def test_what_is_no_answer(talk: Talk) -> None:
    with listening(talk) as port:
        outcome = Sender(_loopback, seconds=0.5).post(_here(port), {}, b"{}")
    assert outcome.status is None
    assert outcome.error
    assert not outcome.delivered


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not Sender(_loopback).post(_here(port), {}, b"{}").delivered


def test_a_name_that_changes_its_mind_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the first answer is checked, and it is the one that is used."""
    asked: list[str] = []
    connected: list[tuple[str, int]] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["9.9.9.9"] if len(asked) == 1 else ["127.0.0.1"]

    def connect(address: tuple[str, int], **_: object) -> None:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    Sender(resolve).post(target("https://hooks.example/"), {}, b"{}")
    assert asked == ["hooks.example"]
    assert connected == [("9.9.9.9", 443)]
    outcome = Sender(resolve).post(target("https://hooks.example/"), {}, b"{}")
    assert len(connected) == 1, "the second answer is private"
    assert "not public" in str(outcome.error)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of hooks.example, signed by itself; with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    moment = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment - datetime.timedelta(days=1))
        .not_valid_after(moment + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "hooks.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.mark.parametrize(
    ("host", "trusted", "error"),
    [
        ("hooks.example", True, None),
        ("other.example", True, "the certificate is not good for this host"),
        ("hooks.example", False, "the certificate is not good for this host"),
    ],
    ids=["good", "another name", "not signed by whom we know"],
)
def test_certificates_are_checked_against_the_name(
    certificate: Path, host: str, trusted: bool, error: str | None
) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    ours = ssl.create_default_context(cafile=str(certificate) if trusted else None)
    with listening(_answer(b"HTTP/1.1 200 OK\r\n\r\n"), theirs) as port:
        to = target(f"https://{host}:{port}/", (f"{host}:{port}",))
        assert Sender(_loopback, ours, seconds=5).post(to, {}, b"{}").error == error


def test_what_speaks_no_tls() -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with listening(talk) as port:
        outcome = Sender(_loopback, seconds=5).post(_here(port, "https"), {}, b"{}")
    assert outcome == Outcome(None, "no TLS connection could be made")
