"""Predictions of stored models: the artefact becomes a file, the engine answers."""

from __future__ import annotations

from collections.abc import Sequence

from polarizer.description import ModelDescription
from service.blobs import Blobs
from service.errors import LostBlobError, ServiceError, UnavailableError, UnreadableImageError
from service.inference.cache import ModelCache
from service.inference.client import EngineClient, EngineFailureError, Servable
from service.inference.messages import Cause, Ranking
from service.records import ModelRecord
from service.settings import Settings


class Inference:
    """Everything that answers predictions; belongs to one event loop once it is used."""

    def __init__(self, settings: Settings, blobs: Blobs) -> None:
        self.engine = EngineClient(settings)
        self._cache = ModelCache(
            settings.cache_dir, blobs, settings.engine_max_models, self.engine.forget
        )

    async def rank(
        self, record: ModelRecord, images: Sequence[bytes], *, top: int
    ) -> list[Ranking]:
        """The ``top`` classes of each image, by the model's own preprocessing.

        Raises UnreadableImageError, BusyError, UnavailableError, LostBlobError.
        """
        try:
            return await self._rank(record, images, top)
        except EngineFailureError as error:
            if error.cause is not Cause.FILE:
                raise _as_told(error, len(images)) from error
        self._cache.remove(record.blob.sha256)  # damaged in the cache; the store may have it whole
        try:
            return await self._rank(record, images, top)
        except EngineFailureError as error:
            raise _as_told(error, len(images)) from error

    async def _rank(self, record: ModelRecord, images: Sequence[bytes], top: int) -> list[Ranking]:
        description = ModelDescription.model_validate(record.description)
        async with self._cache.file(record.blob) as file:
            model = Servable(
                sha256=record.blob.sha256,
                file=file,
                input=description.input,
                classes=len(description.classes),
            )
            return await self.engine.rank(model, images, top=top)

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
