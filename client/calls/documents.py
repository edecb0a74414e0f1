"""Answers that are files of one of several forms."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from client.call import Call


@dataclass(frozen=True)
class Document:
    """Bytes, and what they are."""

    media_type: str
    content: bytes


def document(path: str, media_type: str) -> Call[Document]:
    """What is at ``path`` as the service sends it, in this form if it has it."""
    return Call("GET", path, _read, headers={"accept": media_type})


def _read(answer: httpx.Response) -> Document:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Document(kind, answer.content)
