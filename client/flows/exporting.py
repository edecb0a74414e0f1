"""A model in another format: as one file, or as the folder of a model repository."""

from __future__ import annotations

import base64
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from uuid import uuid4

import httpx

from client.call import Call, OnBytes, nothing
from client.calls.models import MODELS
from client.downloads import Download, digest_of
from client.errors import AnswerError, DigestError
from client.flow import Fetch, Flow, work
from client.flows.downloading import RETRIES, download

EXPORT_SECONDS = 900.0
_MOST_FILES = 100


class Format(StrEnum):
    """What a model can be had as."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"
    TRITON = "triton"


class Export(Download):
    """A file that is made while we wait, so that its size and digest come with it."""

    def __init__(
        self, model_id: str, path: Path, wanted: Format, on_bytes: OnBytes | None = None
    ) -> None:
        address = f"{MODELS}/{model_id}/export"
        super().__init__(address, path, size=0, sha256=uuid4().hex, on_bytes=on_bytes)
        self._model_id = model_id
        self._wanted = wanted
        self._promised: str | None = None

    def call(self) -> Call[None]:
        """Asks for all of it."""
        headers: Mapping[str, str] = {"accept-encoding": "identity"}
        params = {"format": self._wanted.value}
        return Call(
            "GET", self._address, nothing, params=params, headers=headers, wait=EXPORT_SECONDS
        )

    @contextmanager
    def taking(self, answer: httpx.Response) -> Iterator[BinaryIO]:
        """Where the body goes."""
        self._promised = _sha256_of(answer)
        with super().taking(answer) as file:
            yield file

    def finish(self) -> Path:
        """Puts the file, or the folder that it holds, in its place. Raises DigestError and
        AnswerError, with nothing left, when it is not what was promised."""
        try:
            found = digest_of(self._part)
            if found != self._promised:
                raise DigestError(f"{self.path.name} came otherwise than it was sent; try again")
            if self._wanted is Format.TRITON:
                return _unpacked(self._part, self.path.parent, self._model_id)
            return self._part.replace(self.path)
        finally:
            self.discard()

    def discard(self) -> None:
        """Removes what came."""
        self._part.unlink(missing_ok=True)


def export(
    model_id: str, path: Path | str, wanted: Format | str, *, on_bytes: OnBytes | None = None
) -> Flow[Path]:
    """Brings a purified model as ``safetensors``, ``onnx`` or ``triton``.

    ``triton`` makes the folder ``path/<model_id>`` of a model repository, for Triton and KServe;
    returns what was made. Raises DigestError, and ConflictError where the model has no such form.
    """
    wanted = Format(wanted)
    if wanted is Format.SAFETENSORS:
        return (yield from download(model_id, path, on_bytes=on_bytes, retries=RETRIES))
    path = Path(path) / f"{model_id}.zip" if wanted is Format.TRITON else Path(path)
    target = Export(model_id, path, wanted, on_bytes)
    try:
        yield Fetch(target)
        return (yield from work(target.finish))
    finally:
        target.discard()


def _sha256_of(answer: httpx.Response) -> str | None:
    kind, _, value = answer.headers.get("repr-digest", "").partition("=:")
    if kind != "sha-256" or not value.endswith(":"):
        raise AnswerError(f"{answer.request.url.path} does not say the digest of what it sends")
    return base64.b64decode(value[:-1]).hex()


def _unpacked(packed: Path, folder: Path, model_id: str) -> Path:
    """The archive's one folder, the model's, below ``folder``; no other is touched."""
    with zipfile.ZipFile(packed) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
        if not 0 < len(names) <= _MOST_FILES or not all(_is_below(model_id, one) for one in names):
            raise AnswerError("the service sent something that is no model repository")
        made = folder / model_id
        shutil.rmtree(made, ignore_errors=True)
        for name in names:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(str(name)) as source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
    return made


def _is_below(model_id: str, name: PurePosixPath) -> bool:
    return len(name.parts) > 1 and name.parts[0] == model_id and ".." not in name.parts
