"""One request as a value, and how its answer is read. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from client.errors import AnswerError

T = TypeVar("T")
Record = TypeVar("Record", bound=BaseModel)

Method = Literal["GET", "POST", "PUT", "DELETE"]
Params = Mapping[str, str | int | bool | None]
OnBytes = Callable[[int], None]
"""Told how many more bytes went out, or came in."""


@dataclass(frozen=True)
class FileBody:
    """The bytes of a file as the whole body: all of them, or ``length`` from ``start`` on.
    ``on_start`` is told whenever they are sent from the first again."""

    path: Path
    on_bytes: OnBytes | None = None
    on_start: Callable[[], None] | None = None
    start: int = 0
    length: int | None = None


@dataclass(frozen=True)
class Part:
    """One part of a multipart form."""

    name: str
    filename: str
    content: bytes


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and ``read``, which turns a 2xx answer into what it means.

    ``repeatable``: it may be sent again when nobody knows whether it was carried out. ``wait``:
    seconds that the service may take for the answer, beyond the usual. ``also``: statuses beside
    2xx that ``read`` understands.
    """

    method: Method
    path: str
    read: Callable[[httpx.Response], T]
    params: Params = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | FileBody | None = None
    parts: tuple[Part, ...] = ()
    repeatable: bool = True
    wait: float = 0.0
    also: tuple[int, ...] = ()


def record(kind: type[Record]) -> Callable[[httpx.Response], Record]:
    """Reads an answer as ``kind``. Raises AnswerError when it is something else."""
    adapter = TypeAdapter(kind)

    def read(answer: httpx.Response) -> Record:
        try:
            return adapter.validate_json(answer.content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            raise AnswerError(
                f"{answer.request.method} {answer.request.url.path} answered something that is no"
                f" {kind.__name__} ({where}: {first['msg']}); is this the right address, and is"
                " the service of about this client's version?"
            ) from error

    return read


def nothing(_answer: httpx.Response) -> None:
    """For answers without a body."""
