"""The object store measured from this side: every process that uses it tells its own calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.errors import LostBlobError
from service.metrics.parts import ObservedParts
from service.storage import Store
from service.storage.base import Parts
from service.tracing import Kind, Span, active, current

SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class StoreMetrics:
    """Of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._operations = Counter(
            "polarizer_store_operations",
            "Calls of the object store by operation and how they ended: ok, missing, failed, left"
            " (whoever read it went away).",
            ("operation", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "polarizer_store_seconds",
            "From a call to its end; a read ends with its last byte.",
            ("operation",),
            buckets=SECONDS,
            registry=registry,
        )
        self._bytes = Counter(
            "polarizer_store_bytes",
            "Bytes of files that were stored and read.",
            ("operation",),
            registry=registry,
        )
        self.running = Gauge(
            "polarizer_store_operations_running",
            "Calls of the object store that have not ended.",
            registry=registry,
        )

    def ended(self, operation: str, outcome: str, seconds: float, nbytes: int) -> None:
        self._operations.labels(operation, outcome).inc()
        self._seconds.labels(operation).observe(seconds)
        self._bytes.labels(operation).inc(nbytes)


def observed(store: Store, metrics: StoreMetrics) -> Store:
    """The same store; what it puts, reads and deletes, whole or in parts, is counted and stands in
    traces."""
    return cast("Store", _Observed(store, metrics))


class _Observed:
    def __init__(self, store: Store, metrics: StoreMetrics) -> None:
        self._store = store
        self._metrics = metrics

    @property
    def parts(self) -> Parts:
        return ObservedParts(self._store.parts, self._call)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a store can do
        return getattr(self._store, name)

    def put(self, key: str, path: Path) -> None:
        self._stored(self._store.put, key, path)

    def take(self, key: str, path: Path) -> None:
        self._stored(self._store.take, key, path)

    def delete(self, key: str) -> None:
        call = self._call("delete")
        with active(call.span), call.counted():
            self._store.delete(key)

    def read(self, key: str) -> Iterator[bytes]:
        call = self._call("read")
        chunks = _chunks(call, self._store, key)
        next(chunks)  # what cannot be read is told now
        return chunks

    def _stored(self, put: Callable[[str, Path], None], key: str, path: Path) -> None:
        call = self._call("put")
        with active(call.span), call.counted():
            call.nbytes = path.stat().st_size
            put(key, path)

    def _call(self, operation: str) -> Call:
        span = current().child(f"store.{operation}", kind=Kind.CLIENT)
        return Call(self._metrics, operation, span)


class Call:
    """One that has begun; ``nbytes`` is what it has stored or read so far."""

    def __init__(self, metrics: StoreMetrics, operation: str, span: Span) -> None:
        self._metrics = metrics
        self._operation = operation
        self.span = span
        self.nbytes = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        started, outcome = time.perf_counter(), "ok"
        try:
            with self._metrics.running.track_inprogress():
                yield
        except GeneratorExit:
            outcome = "left"
            raise
        except LostBlobError:
            outcome = "missing"
            raise
        except BaseException:
            outcome = "failed"
            raise
        finally:
            seconds = time.perf_counter() - started
            self._metrics.ended(self._operation, outcome, seconds, self.nbytes)
            self.span.set({"polarizer.bytes": self.nbytes})

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Counted, with a span that is never the current one: whoever reads what comes may do so
        in several contexts."""
        try:
            with self.counted():
                yield
        except BaseException as error:
            if not isinstance(error, GeneratorExit):
                self.span.fail(type(error).__name__)
            raise
        finally:
            self.span.end()


def _chunks(call: Call, store: Store, key: str) -> Iterator[bytes]:
    """First nothing, once the store has begun to answer."""
    with call.aside():
        chunks = store.read(key)
        yield b""
        for chunk in chunks:
            call.nbytes += len(chunk)
            yield chunk
