"""Bodies that are files, and what breaks on the way, in our own words."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import httpx
from anyio import to_thread

from client.call import FileBody
from client.errors import ConfigurationError, InputError, UnreachableError

PORTION = 1 << 18

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_WRONG_ADDRESS = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects)


class FileStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A file as a body, in constant memory, read anew each time it is sent."""

    def __init__(self, body: FileBody) -> None:
        self._body = body
        self._left = 0

    def __iter__(self) -> Iterator[bytes]:
        with self._opened() as file:
            while portion := self._portion(file):
                yield portion
                self._tell(portion)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._opened() as file:
            while portion := await to_thread.run_sync(self._portion, file):
                yield portion
                self._tell(portion)

    def _opened(self) -> BinaryIO:
        file = self._body.path.open("rb")
        file.seek(self._body.start)
        self._left = sys.maxsize if self._body.length is None else self._body.length
        if self._body.on_start is not None:
            self._body.on_start()
        return file

    def _portion(self, file: BinaryIO) -> bytes:
        portion = file.read(min(PORTION, self._left))
        self._left -= len(portion)
        return portion

    def _tell(self, portion: bytes) -> None:
        if self._body.on_bytes is not None:
            self._body.on_bytes(len(portion))


@contextmanager
def told(base: httpx.URL) -> Iterator[None]:
    """Whatever httpx raises, as an error of ours."""
    try:
        yield
    except _NOT_SENT as error:
        raise UnreachableError(_nobody_there(base, error), sent=False) from error
    except httpx.TimeoutException as error:
        raise UnreachableError(f"{base} took too long to answer", sent=True) from error
    except _WRONG_ADDRESS as error:
        raise ConfigurationError(f"{base} cannot be asked: {error}") from error
    except httpx.TransportError as error:
        raise UnreachableError(f"the connection to {base} broke: {error}", sent=True) from error
    except OSError as error:
        raise InputError(str(error)) from error


def _nobody_there(base: httpx.URL, error: httpx.TransportError) -> str:
    reason = str(error) or type(error).__name__
    hint = (
        "; is the service running? `polarizer serve` starts one"
        if base.host in ("127.0.0.1", "localhost", "::1")
        else ""
    )
    return f"{base} cannot be reached ({reason}){hint}"
