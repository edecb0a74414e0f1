"""Images out of a request: the body itself, or the ``image`` parts of a multipart form.

The application's body limit bounds what is read into memory. Nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from polarizer.listing import shown
from service.errors import InvalidRequestError, MediaTypeError, UnreadableImageError

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
FORM_TYPE = "multipart/form-data"
PART = "image"
MOST_IMAGES = 64

_BINARY = {"type": "string", "format": "binary"}
_FORM_SCHEMA = {
    "type": "object",
    "required": [PART],
    "properties": {PART: {"type": "array", "maxItems": MOST_IMAGES, "items": _BINARY}},
}
OPENAPI_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"one image, or a form with up to {MOST_IMAGES} parts named `{PART}`",
        "content": {kind: {"schema": _BINARY} for kind in IMAGE_TYPES}
        | {FORM_TYPE: {"schema": _FORM_SCHEMA}},
    }
}


def declared_length(request: Request, limit: int) -> int:
    """How many bytes will come; ``limit``, past which nothing is read, where nobody says."""
    length = request.headers.get("content-length", "")
    return min(int(length), limit) if length.isdecimal() else limit


def require_images(request: Request) -> None:
    """Raises MediaTypeError for a body that holds no image by its own account."""
    kind = _media_type(request.headers)
    if kind != FORM_TYPE:
        _require_image_type(kind, "the body")


async def read_images(request: Request) -> list[bytes]:
    """The encoded images, in order. Raises MediaTypeError, InvalidRequestError (a form that is
    malformed, or holds something else), UnreadableImageError (an empty body)."""
    require_images(request)
    body = await request.body()
    if not body:
        raise UnreadableImageError("the body is empty: send the bytes of an image")
    if _media_type(request.headers) != FORM_TYPE:
        return [body]
    async with _Form(await _parse(request.headers, body)) as parts:
        return [await _image(name, part) for name, part in parts]


class _Form:
    """A parsed form that is closed at the end."""

    def __init__(self, form: FormData) -> None:
        self._form = form

    async def __aenter__(self) -> list[tuple[str, UploadFile | str]]:
        parts = self._form.multi_items()
        if not parts:
            raise InvalidRequestError(f"the form holds no part named {PART!r}")
        return parts

    async def __aexit__(self, *_: object) -> None:
        await self._form.close()


class _InMemory(MultiPartParser):
    """Writes no file: the body is in memory already."""

    spool_max_size = 1 << 40
    complete = False

    def on_end(self) -> None:
        """The last boundary came."""
        self.complete = True


async def _parse(headers: Headers, body: bytes) -> FormData:
    async def once() -> AsyncGenerator[bytes, None]:
        yield body
        if not parser.complete:  # the parser closes its files only when something is raised
            raise MultiPartException("It ends before its last boundary.")

    parser = _InMemory(headers, once(), max_files=MOST_IMAGES, max_fields=0)
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise InvalidRequestError(
            f"the form cannot be read: {error.message} Send at most {MOST_IMAGES} files as parts"
            f" named {PART!r}, and nothing else."
        ) from error


async def _image(name: str, part: UploadFile | str) -> bytes:
    if name != PART or isinstance(part, str):
        raise InvalidRequestError(f"the form holds a part {name!r:.80}; name every image {PART!r}")
    _require_image_type(_media_type(part.headers) or IMAGE_TYPES[-1], f"part {part.filename!r:.80}")
    return await part.read()


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _require_image_type(kind: str, what: str) -> None:
    if kind not in IMAGE_TYPES:
        raise MediaTypeError(
            f"{what} is {shown(kind) or 'of no stated type'}; take {', '.join(IMAGE_TYPES)}, or"
            f" {FORM_TYPE} for several images"
        )
