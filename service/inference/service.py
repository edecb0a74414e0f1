"""Predictions of stored models: the artefact becomes a file, the engine answers."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from polarizer.description import ModelDescription
from service.blobs import Blobs
from service.errors import LostBlobError, ServiceError, UnavailableError, UnreadableImageError
from service.inference.cache import ModelCache
from service.inference.client import EngineClient, EngineFailureError, Servable
from service.inference.messages import Cause, Ranking
from service.inference.metrics import ModelMetrics, Snapshot
from service.inference.rows import Answer, Ranked, Rows
from service.records import ModelRecord
from service.settings import Settings


@dataclass(frozen=True)
class Place:
    """Room for a request that :meth:`Inference.admit` keeps."""

    nbytes: int


class Inference:
    """Everything that answers predictions; belongs to one event loop once it is used."""

    def __init__(self, settings: Settings, blobs: Blobs) -> None:
        self.engine = EngineClient(settings)
        self._models: dict[str, ModelMetrics] = {}
        self._cache = ModelCache(
            settings.cache_dir, blobs, settings.engine_max_models, self.engine.forget
        )

    @contextmanager
    def admit(self, record: ModelRecord, nbytes: int) -> Iterator[Place]:  # noqa: ARG002
        """Keeps room for a request of so many bytes (its Content-Length, say) while the block runs;
        to be taken before its body is read, and given to ``infer`` or ``rank``.

        Raises BusyError when too much waits already.
        """
        yield Place(nbytes)

    async def rank(
        self,
        record: ModelRecord,
        images: Sequence[bytes],
        *,
        top: int,
        place: Place | None = None,  # noqa: ARG002
    ) -> list[Ranked]:
        """The ``top`` classes of each image, by the model's own preprocessing.

        Raises UnreadableImageError, BusyError, UnavailableError, LostBlobError.
        """
        return [Ranked(ranking) for ranking in await self._ask(record, images, top, "")]

    async def infer(
        self,
        record: ModelRecord,
        rows: Rows,
        *,
        place: Place | None = None,  # noqa: ARG002
    ) -> Answer:
        """The logits of rows that have the model's size already.

        Raises InvalidRequestError (rows of another shape), BusyError, UnavailableError,
        LostBlobError. A caller that is cancelled frees its place.
        """
        classes = len(record.description["classes"])
        size = rows.data.nbytes // max(1, rows.count)
        parts = [bytes(rows.data[i * size : (i + 1) * size]) for i in range(rows.count)]
        logits = [
            math.log(max(probability, 1e-30))
            for ranking in await self._ask(record, parts, classes, rows.dtype)
            for _, probability in sorted(ranking)
        ]
        return Answer(rows.count, classes, struct.pack(f"<{len(logits)}f", *logits))

    def metrics(self) -> Snapshot:
        """What happened so far, and what waits now."""
        return Snapshot(self._models, self.engine.images_waiting, 0, 0, 0, ("",))

    async def _ask(
        self, record: ModelRecord, images: Sequence[bytes], top: int, tensor: str
    ) -> list[Ranking]:
        try:
            return await self._ask_once(record, images, top, tensor)
        except EngineFailureError as error:
            if error.cause is not Cause.FILE:
                raise _as_told(error, len(images)) from error
        self._cache.remove(record.blob.sha256)  # damaged in the cache; the store may have it whole
        try:
            return await self._ask_once(record, images, top, tensor)
        except EngineFailureError as error:
            raise _as_told(error, len(images)) from error

    async def _ask_once(
        self, record: ModelRecord, images: Sequence[bytes], top: int, tensor: str
    ) -> list[Ranking]:
        description = ModelDescription.model_validate(record.description)
        async with self._cache.file(record.blob) as file:
            model = Servable(
                sha256=record.blob.sha256,
                file=file,
                input=description.input,
                classes=len(description.classes),
            )
            return await self.engine.rank(model, images, top=top, tensor=tensor)

    def forget(self, sha256: str) -> None:
        """The model of this digest was deleted."""
        self._cache.remove(sha256)

    async def close(self) -> None:
        await self.engine.close()


def _as_told(failure: EngineFailureError, images: int) -> ServiceError:
    match failure.cause:
        case Cause.IMAGE:
            which = f"image {failure.image}: " if images > 1 else ""
            return UnreadableImageError(f"{which}{failure.message}")
        case Cause.FILE:
            return LostBlobError(failure.message)
        case Cause.MODEL:
            return UnavailableError(f"the model cannot be served: {failure.message}")
        case Cause.ENGINE:
            return UnavailableError(failure.message)
