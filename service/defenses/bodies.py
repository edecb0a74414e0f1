"""``POST /v1/defenses`` takes JSON, or a multipart form with the files; both become a draft."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from polarizer.description import ModelDescription
from service.defenses.drafts import Draft, SentFile
from service.defenses.forms import Sink, Text, read_form
from service.defenses.report import Role
from service.defenses.schemas import ROLES, DefenseRequest
from service.errors import InvalidRequestError, MediaTypeError
from service.settings import Settings
from service.uploads.filenames import shown_name
from service.uploads.spool import SpoolFile

T = TypeVar("T", bound=BaseModel)

TEXTS = ("description", "request")


@asynccontextmanager
async def read_draft(request: Request, settings: Settings) -> AsyncIterator[Draft]:
    """The draft of a request's body; its files are there until the context ends.

    Raises MediaTypeError, RequestValidationError, InvalidRequestError, TooLargeError.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        text = Text(limit=settings.max_json_bytes, what="the request")
        async for chunk in request.stream():
            await text.write(chunk)
        yield Draft(_parse(DefenseRequest, text, ()), {})
    elif kind == "multipart/form-data":
        async with AsyncExitStack() as stack:
            parts = _Parts(settings, stack)
            await read_form(request.stream(), content_type, parts.open)
            yield await parts.draft()
    else:
        raise MediaTypeError("send application/json or multipart/form-data")


class _Parts:
    """The parts of a form, each in its place; the files are removed when ``stack`` ends."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._texts: dict[str, Text] = {}
        self._files: dict[Role, tuple[SpoolFile, str | None]] = {}

    async def open(self, name: str, filename: str | None) -> Sink:
        """Where the bytes of this part go."""
        if name in self._texts or name in self._files:
            raise InvalidRequestError(f"{name}: sent twice")
        if name in TEXTS:
            self._texts[name] = Text(limit=self._settings.max_json_bytes, what=name)
            return self._texts[name]
        if name not in ROLES:
            known = ", ".join((*ROLES, *TEXTS))
            raise InvalidRequestError(f"there is no part {name[:100]!r}; the parts are {known}")
        if filename is None:
            raise InvalidRequestError(f"{name}: not a file; with curl, -F {name}=@FILE")
        return await self._open_file(name, filename)

    async def _open_file(self, role: Role, filename: str) -> SpoolFile:
        limit = self._settings.max_upload_bytes
        spool = SpoolFile(self._settings.spool_dir, limit=limit, what=role)
        await self._stack.enter_async_context(spool)
        self._files[role] = (spool, shown_name(filename))
        return spool

    async def draft(self) -> Draft:
        """All parts together."""
        request = DefenseRequest()
        if "request" in self._texts:
            request = _parse(DefenseRequest, self._texts["request"], ("request",))
        if "description" in self._texts:
            if request.description is not None:
                raise InvalidRequestError("description: sent as a part and in the request")
            described = _parse(ModelDescription, self._texts["description"], ("description",))
            request = request.model_copy(update={"description": described})
        files = {
            role: SentFile(await spool.finish(), filename)
            for role, (spool, filename) in self._files.items()
        }
        return Draft(request, files)


def _parse(model: type[T], text: Text, where: tuple[str, ...]) -> T:
    try:
        return model.model_validate_json(bytes(text.content))
    except ValidationError as error:
        found: list[Any] = [
            {**item, "loc": ("body", *where, *item["loc"])}
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise RequestValidationError(found) from error
