"""Predictions of stored models: the artefact becomes a file, an engine answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

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
from service.inference.client import EngineClient, EngineFailureError, Servable, Spawn
from service.inference.messages import Cause, Network
from service.inference.metrics import Metrics, Snapshot
from service.inference.process import spawn
from service.inference.ranking import ranked
from service.inference.rows import Answer, Images, Ranked, Rows
from service.records import ModelRecord
from service.settings import Settings
from service.tracing import Kind, span

MOST_DESCRIPTIONS = 1024
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
        self._descriptions: dict[str, ModelDescription] = {}
        devices = settings.engine_devices or (settings.device,)
        self.engines = [
            EngineClient(settings, device, self._metrics.notice, spawn=spawn) for device in devices
        ]
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
        """Returns when the model can answer, on every device. Raises UnavailableError,
        LostBlobError."""
        spec = self._described(record).input
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
        room = self._admission.room(rows=job.count, nbytes=beyond)
        with self._counting(record), self._failing(record), room:
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
        async with self._network(record) as network:
            description = self._described(record)
            _check_shape(job, description)
            model = Servable(network, description.input, len(description.classes))
            metrics = self._metrics.asked(record.id, network.model, job.count)
            engine = engine or self._engine_for(network.model)
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

    @asynccontextmanager
    async def _network(self, record: ModelRecord) -> AsyncIterator[Network]:
        """The model's files, which stay while the block runs."""
        async with AsyncExitStack() as stack:
            file = await stack.enter_async_context(self._cache.file(record.blob))
            alarm = record.alarm_blob if record.alarm_on else None
            network = Network(model=record.blob.sha256, file=str(file))
            if alarm is not None:
                alarm_file = await stack.enter_async_context(self._cache.file(alarm))
                its = {"alarm": alarm.sha256, "alarm_file": str(alarm_file)}
                network = network.model_copy(update=its)
            yield network

    def _engine_for(self, sha256: str) -> EngineClient:
        """The one that is expected to answer first."""

        def ahead(engine: EngineClient) -> int:
            return engine.rows_waiting + (0 if sha256 in engine.loaded else ROWS_OF_A_LOAD)

        return min(self.engines, key=ahead)

    def _described(self, record: ModelRecord) -> ModelDescription:
        """Checked once: a model's description never changes."""
        if record.id not in self._descriptions:
            if len(self._descriptions) >= MOST_DESCRIPTIONS:
                self._descriptions.clear()
            self._descriptions[record.id] = ModelDescription.model_validate(record.description)
        return self._descriptions[record.id]

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

    @contextmanager
    def _failing(self, record: ModelRecord) -> Iterator[None]:
        try:
            yield
        except UnavailableError:
            self._metrics.models[record.id].failures += 1
            raise


def _digests(record: ModelRecord) -> list[str]:
    return [blob.sha256 for blob in (record.blob, record.alarm_blob) if blob]


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
