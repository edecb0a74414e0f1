"""Predictions of stored models: the artefact becomes a file, an engine answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from polarizer.description import ModelDescription
from service.blobs import Blobs
from service.errors import (
    BusyError,
    InvalidRequestError,
    LostBlobError,
    ServiceError,
    UnavailableError,
    UnreadableImageError,
)
from service.inference.admission import Admission, Place
from service.inference.cache import ModelCache
from service.inference.client import EngineClient, EngineFailureError, Servable
from service.inference.messages import Cause, Network
from service.inference.metrics import Metrics, Snapshot
from service.inference.ranking import ranked
from service.inference.rows import Answer, Images, Ranked, Rows
from service.records import ModelRecord
from service.settings import Settings

ROWS_OF_A_LOAD = 256
"""Another engine that has to load the model first is worth it when so many rows wait."""


class Inference:
    """Everything that answers predictions; belongs to one event loop once it is used."""

    def __init__(self, settings: Settings, blobs: Blobs) -> None:
        self._metrics = Metrics()
        self._admission = Admission()
        devices = settings.engine_devices or (settings.device,)
        self.engines = [EngineClient(settings, each, self._metrics.notice) for each in devices]
        self._cache = ModelCache(
            settings.cache_dir, blobs, settings.engine_model_bytes, self._forget_in_engines
        )

    @contextmanager
    def admit(self, record: ModelRecord, nbytes: int) -> Iterator[Place]:
        """Keeps room for a request of so many bytes (its Content-Length, say) while the block runs;
        to be taken before its body is read, and given to ``infer`` or ``rank``.

        Raises BusyError when too much waits already.
        """
        with self._counting(record), self._admission.room(nbytes=nbytes) as place:
            yield place

    async def rank(
        self, record: ModelRecord, images: Sequence[bytes], *, top: int, place: Place | None = None
    ) -> list[Ranked]:
        """The ``top`` classes of each image, by the model's own preprocessing.

        Raises UnreadableImageError, BusyError, UnavailableError, LostBlobError.
        """
        return ranked(await self._ask(record, Images(images), place), top)

    async def infer(self, record: ModelRecord, rows: Rows, *, place: Place | None = None) -> Answer:
        """The logits of rows that have the model's size already.

        Raises InvalidRequestError (rows of another shape), UnreadableImageError (rows that hold NaN
        or infinity), BusyError, UnavailableError, LostBlobError. A caller that is cancelled frees
        its place.
        """
        return await self._ask(record, rows, place)

    async def load(self, record: ModelRecord) -> None:
        """Returns when the model can answer. Raises UnavailableError, LostBlobError."""
        description = ModelDescription.model_validate(record.description)
        spec = description.input
        nothing = Rows(memoryview(b""), "uint8", 0, (spec.channels, spec.height, spec.width))
        await self._ask(record, nothing, None)

    def metrics(self) -> Snapshot:
        """What happened so far, and what waits now."""
        arenas = [engine.arena for engine in self.engines]
        return Snapshot(
            models=dict(self._metrics.models),
            waiting_rows=self._admission.rows,
            waiting_bytes=self._admission.nbytes,
            shared_bytes=sum(arena.used_bytes for arena in arenas if arena),
            engine_starts=sum(engine.starts for engine in self.engines),
            devices=tuple(engine.device for engine in self.engines),
        )

    @property
    def rows_waiting(self) -> int:
        """How many rows wait for an answer."""
        return self._admission.rows

    def forget(self, sha256: str) -> None:
        """The model of this digest was deleted."""
        self._cache.remove(sha256)
        self._metrics.forget(sha256)

    async def close(self) -> None:
        for engine in self.engines:
            await engine.close()

    async def _ask(self, record: ModelRecord, job: Rows | Images, place: Place | None) -> Answer:
        nbytes = sum(map(len, job.parts))
        beyond = max(0, nbytes - place.nbytes) if place else nbytes
        with self._counting(record), self._admission.room(rows=job.count, nbytes=beyond):
            try:
                return await self._ask_once(record, job)
            except EngineFailureError as error:
                if error.cause is not Cause.FILE:
                    raise _as_told(error, job) from error
            for sha256 in _digests(record):
                self._cache.remove(sha256)  # damaged in the cache; the store may have it whole
            try:
                return await self._ask_once(record, job)
            except EngineFailureError as error:
                raise _as_told(error, job) from error

    async def _ask_once(self, record: ModelRecord, job: Rows | Images) -> Answer:
        async with self._cache.file(record.blob) as file:
            network = Network(model=record.blob.sha256, file=str(file))
            description = ModelDescription.model_validate(record.description)
            _check_shape(job, description)
            model = Servable(network, description.input, len(description.classes))
            metrics = self._metrics.asked(record.id, network.model, job.count)
            answer, queued = await self._engine_for(network.model).ask(model, job)
        metrics.queue_seconds.observe(queued)
        return answer

    def _engine_for(self, sha256: str) -> EngineClient:
        """The one that is expected to answer first."""

        def ahead(engine: EngineClient) -> int:
            return engine.rows_waiting + (0 if sha256 in engine.loaded else ROWS_OF_A_LOAD)

        return min(self.engines, key=ahead)

    def _forget_in_engines(self, sha256: str) -> None:
        for engine in self.engines:
            engine.forget(sha256)

    @contextmanager
    def _counting(self, record: ModelRecord) -> Iterator[None]:
        try:
            yield
        except BusyError:
            self._metrics.models[record.id].rejected += 1
            raise


def _digests(record: ModelRecord) -> tuple[str, ...]:
    return (record.blob.sha256,)


def _check_shape(job: Rows | Images, description: ModelDescription) -> None:
    spec = description.input
    expected = (spec.channels, spec.height, spec.width)
    if isinstance(job, Rows) and job.shape != expected:
        raise InvalidRequestError(
            f"the model takes rows of shape {expected} (channels, height, width), these are"
            f" {job.shape}"
        )


def _as_told(failure: EngineFailureError, job: Rows | Images) -> ServiceError:
    match failure.cause:
        case Cause.IMAGE:
            kind = "image" if isinstance(job, Images) else "row"
            which = f"{kind} {failure.image}: " if job.count > 1 else ""
            return UnreadableImageError(f"{which}{failure.message}")
        case Cause.FILE:
            return LostBlobError(failure.message)
        case Cause.MODEL:
            return UnavailableError(f"the model cannot be served: {failure.message}")
        case Cause.LATE | Cause.ENGINE:
            return UnavailableError(failure.message)
