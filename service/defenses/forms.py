"""A multipart body, streamed: files go to the spool folder, small JSON parts to memory.

Starlette's own parser puts files into temporary files that have no name or digest, and does not
bound a single file.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Protocol

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from service.errors import InvalidRequestError, TooLargeError


class Sink(Protocol):
    """Takes the bytes of one part."""

    async def write(self, data: bytes) -> None:
        """Raises TooLargeError past its limit."""


class Text:
    """A small part, in memory. ``what`` names it in errors."""

    def __init__(self, *, limit: int, what: str) -> None:
        self.content = bytearray()
        self._limit = limit
        self._what = what

    async def write(self, data: bytes) -> None:
        self.content += data
        if len(self.content) > self._limit:
            raise TooLargeError(f"{self._what} is larger than {self._limit} bytes")


OpenPart = Callable[[str, str | None], Awaitable[Sink]]
"""From a part's name and file name to where its bytes go."""


async def read_form(chunks: AsyncIterable[bytes], content_type: str, open_part: OpenPart) -> None:
    """Reads the body to its end. Raises InvalidRequestError when it is not a complete form."""
    form = _Form(content_type)
    sink: Sink | None = None
    async for chunk in chunks:
        for item in form.feed(chunk):
            if isinstance(item, tuple):
                sink = await open_part(*item)
            elif sink is not None:
                await sink.write(item)
    form.require_complete()


class _Form:
    """Turns bytes into a part's name and file name, then its data."""

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise InvalidRequestError("the Content-Type of a multipart body names its boundary")
        self._found: list[tuple[str, str | None] | bytes] = []
        self._header: tuple[bytearray, bytearray] = bytearray(), bytearray()
        self._disposition = b""
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._name(data[start:end]),
                "on_header_value": lambda data, start, end: self._value(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": lambda data, start, end: self._found.append(data[start:end]),
                "on_end": self._end,
            },
        )

    def feed(self, chunk: bytes) -> list[tuple[str, str | None] | bytes]:
        """What the next bytes of the body hold."""
        self._found = []
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise InvalidRequestError(f"not a multipart body: {error}"[:300]) from error
        return self._found

    def require_complete(self) -> None:
        """Raises InvalidRequestError unless the closing boundary has come."""
        if not self._complete:
            raise InvalidRequestError("the multipart body ends before its closing boundary")

    def _begin(self) -> None:
        self._disposition = b""

    def _name(self, data: bytes) -> None:
        self._header[0].extend(data)

    def _value(self, data: bytes) -> None:
        self._header[1].extend(data)

    def _header_end(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = bytearray(), bytearray()
        if name.lower() == b"content-disposition":
            self._disposition = value

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        name, filename = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise InvalidRequestError("a part of the multipart body has no name")
        shown = None if filename is None else filename.decode(errors="replace")
        self._found.append((name.decode(errors="replace"), shown))

    def _end(self) -> None:
        self._complete = True
