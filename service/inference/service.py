"""Predictions of stored models: the artefact becomes a file, an engine answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from polarizer.description import InputSpec, ModelDescription
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
from service.inference.client import EngineClient, EngineFailureError, Servable, Spawn
from service.inference.messages import Cause, Network
from service.inference.metrics import Metrics, Snapshot
from service.inference.process import spawn
from service.inference.ranking import ranked
from service.inference.rows import Answer, Images, Ranked, Rows
from service.records import BlobRecord, ModelRecord
from service.settings import Settings
from service.tracing import Kind, span

MOST_SERVABLES = 1024
ROWS_OF_A_LOAD = 256
"""Another engine that has to load the model first is worth it when so many rows wait."""


class Inference:
    """Everything that answers predictions; belongs to one event loop once it is used."""

    def __init__(
        self,
        settings: Settings,
        blobs: Blobs,
        *,
        spawn: Spawn = spawn,
        admission: Admission | None = None,
    ) -> None:
        self._metrics = Metrics()
        self._admission = admission or Admission()
        self._servables: dict[tuple[str, str | None], Servable] = {}
        devices = settings.engine_devices or (settings.device,)
        self.engines = [
            EngineClient(settings, device, self._metrics.notice, spawn=spawn) for device in devices
        ]
        self._cache = ModelCache(
            settings.cache_dir, blobs, settings.engine_model_bytes, self._forget_in_engines
        )

    def admit(self, record: ModelRecord, nbytes: int) -> Place:
        """Takes room for a request of so many bytes (its Content-Length, say), to be left by
        ``with``; to be taken before its body is read, and given to ``infer`` or ``rank``.

        Raises BusyError when too much waits already.
        """
        try:
            return self._admission.room(nbytes=nbytes)
        except BusyError:
            self._metrics.models[record.id].rejected += 1
            raise

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
        """Returns when the model can answer, on every device. Raises UnavailableError,
        LostBlobError."""
        spec = ModelDescription.model_validate(record.description).input
        nothing = Rows(memoryview(b""), "uint8", 0, (spec.channels, spec.height, spec.width))
        for engine in self.engines:
            await self._ask(record, nothing, None, engine)

    async def an_engine_ended(self) -> None:
        """Returns as soon as one of those that run has ended."""
        ends = [asyncio.create_task(engine.ended()) for engine in self.engines]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

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

    def cached(self) -> set[str]:
        """Digests of the models that are kept on disk."""
        return self._cache.digests()

    def forget(self, sha256: str) -> None:
        """The model of this digest was deleted."""
        self._cache.remove(sha256)
        self._metrics.forget(sha256)

    async def close(self) -> None:
        for engine in self.engines:
            await engine.close()

    async def _ask(
        self,
        record: ModelRecord,
        job: Rows | Images,
        place: Place | None,
        engine: EngineClient | None = None,
    ) -> Answer:
        nbytes = sum(map(len, job.parts))
        beyond = max(0, nbytes - place.nbytes) if place else nbytes
        try:
            with self._admission.room(rows=job.count, nbytes=beyond):
                return await self._ask_twice(record, job, engine)
        except BusyError:
            self._metrics.models[record.id].rejected += 1
            raise
        except UnavailableError:
            self._metrics.models[record.id].failures += 1
            raise

    async def _ask_twice(
        self, record: ModelRecord, job: Rows | Images, engine: EngineClient | None
    ) -> Answer:
        try:
            return await self._ask_once(record, job, engine)
        except EngineFailureError as error:
            if error.cause is not Cause.FILE:
                raise _as_told(error, job) from error
        for sha256 in _digests(record):
            self._cache.remove(sha256)  # damaged in the cache; the store may have it whole
        try:
            return await self._ask_once(record, job, engine)
        except EngineFailureError as error:
            raise _as_told(error, job) from error

    async def _ask_once(
        self, record: ModelRecord, job: Rows | Images, engine: EngineClient | None
    ) -> Answer:
        """While the model's files stay where they are."""
        alarm = record.alarm_blob if record.alarm_on else None
        async with self._cache.file(record.blob) as file:
            if alarm is None:
                return await self._ask_engine(record, self._servable(record, file), job, engine)
            async with self._cache.file(alarm) as alarm_file:
                model = self._servable(record, file, alarm, alarm_file)
                return await self._ask_engine(record, model, job, engine)

    async def _ask_engine(
        self, record: ModelRecord, model: Servable, job: Rows | Images, engine: EngineClient | None
    ) -> Answer:
        _check_shape(job, model.input)
        digest = model.network.model
        metrics = self._metrics.asked(record.id, digest, job.count)
        engine = engine or self._engine_for(digest)
        with span("engine.ask", kind=Kind.CLIENT) as asked:
            answer, queued = await engine.ask(model, job)
        if asked.recording:
            asked.set(
                {
                    "polarizer.model": record.id,
                    "polarizer.rows": job.count,
                    "polarizer.queued_seconds": queued,
                }
            )
        metrics.queue_seconds.observe(queued)
        return answer

    def _servable(
        self,
        record: ModelRecord,
        file: Path,
        alarm: BlobRecord | None = None,
        alarm_file: Path | None = None,
    ) -> Servable:
        """Checked and put together once: neither a model's description nor its files change."""
        key = record.id, alarm.sha256 if alarm else None
        if key not in self._servables:
            if len(self._servables) >= MOST_SERVABLES:
                self._servables.clear()
            network = Network(model=record.blob.sha256, file=str(file))
            if alarm is not None:
                its = {"alarm": alarm.sha256, "alarm_file": str(alarm_file)}
                network = network.model_copy(update=its)
            description = ModelDescription.model_validate(record.description)
            self._servables[key] = Servable(network, description.input, len(description.classes))
        return self._servables[key]

    def _engine_for(self, sha256: str) -> EngineClient:
        """The one that is expected to answer first."""

        def ahead(engine: EngineClient) -> int:
            return engine.rows_waiting + (0 if sha256 in engine.loaded else ROWS_OF_A_LOAD)

        return min(self.engines, key=ahead)

    def _forget_in_engines(self, sha256: str) -> None:
        for engine in self.engines:
            engine.forget(sha256)


def _digests(record: ModelRecord) -> list[str]:
    return [blob.sha256 for blob in (record.blob, record.alarm_blob) if blob]


def _check_shape(job: Rows | Images, spec: InputSpec) -> None:
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
