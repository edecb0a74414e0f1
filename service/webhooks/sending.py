"""One POST to an address that was checked: no second look-up, no redirect, no endless answer."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from service.errors import WebhookRefusedError
from service.webhooks.addresses import Resolve, Target, reachable, resolve

SECONDS = 15.0
"""For a whole attempt."""
GONE = 410


@dataclass(frozen=True)
class Outcome:
    """The status of the answer, or why there is none."""

    status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """``resolve`` finds the addresses of a name; ``context`` says which certificates are good."""

    def __init__(
        self,
        resolve: Resolve = resolve,
        context: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._resolve = resolve
        self._context = context or ssl.create_default_context()
        self._seconds = seconds

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Sends once, and reads no more than the head of the answer."""
        try:
            connection = self._connect(target)
        except WebhookRefusedError as error:
            return Outcome(None, error.detail)
        except (OSError, UnicodeError) as error:
            return Outcome(None, _told(error))
        # Each operation has a timeout, and all of them together: an answer may come byte by byte.
        clock = threading.Timer(self._seconds, _shut, [connection])
        clock.start()
        try:
            status = _exchange(connection, target, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Outcome(None, _told(error))
        finally:
            clock.cancel()
            connection.close()
        told = None if 200 <= status < 300 else f"the answer was {status}"
        return Outcome(status, told)

    def _connect(self, target: Target) -> socket.socket:
        address = reachable(target, self._resolve)
        plain = socket.create_connection((address, target.port), timeout=self._seconds)
        if target.scheme == "http":
            return plain
        try:
            return self._context.wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise


def _exchange(
    connection: socket.socket, target: Target, headers: Mapping[str, str], body: bytes
) -> int:
    spoken = http.client.HTTPConnection(target.host, target.port)
    spoken.sock = connection
    all_headers = {
        "Host": target.authority,
        "Content-Type": "application/json",
        "User-Agent": "neural-polarizer-service",
        "Connection": "close",
        **headers,
    }
    spoken.request("POST", target.path, body, all_headers)
    return spoken.getresponse().status


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _told(error: Exception) -> str:
    """For the tenant: what kind of failure, nothing of this side."""
    match error:
        case ssl.SSLCertVerificationError():
            return "the certificate is not good for this host"
        case ssl.SSLError():
            return "no TLS connection could be made"
        case socket.gaierror() | UnicodeError():
            return "the host has no address"
        case TimeoutError():
            return "no answer in time"
        case http.client.HTTPException():
            return "the answer is no HTTP, or it did not come to its end in time"
        case _:
            return "no connection, or it broke off"
