"""What a store does is counted, and stands in the trace; what it answers stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from service.errors import LostBlobError, UnavailableError
from service.metrics.store import StoreMetrics, observed
from service.storage import Store
from service.storage.base import StoredPart
from service.storage.local import LocalStore
from service.tracing import active, span
from tests.service.tracing.test_spans import FakeSpan


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def store(tmp_path: Path, registry: CollectorRegistry) -> Store:
    return observed(LocalStore(tmp_path / "store"), StoreMetrics(registry))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    return path


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"polarizer_store_{name}", labels)


def test_calls_are_counted_by_operation(
    store: Store, file: Path, registry: CollectorRegistry
) -> None:
    store.put("a/key", file)
    assert b"".join(store.read("a/key")) == file.read_bytes()
    store.delete("a/key")
    for operation, nbytes in {"put": 3_000_000, "read": 3_000_000, "delete": 0}.items():
        assert value(registry, "operations_total", operation=operation, outcome="ok") == 1
        assert value(registry, "seconds_count", operation=operation) == 1
        assert value(registry, "bytes_total", operation=operation) == nbytes
    assert value(registry, "operations_running") == 0


def test_a_file_that_is_given_away_is_put_too(
    store: Store, file: Path, registry: CollectorRegistry
) -> None:
    store.take("a/key", file)
    assert value(registry, "operations_total", operation="put", outcome="ok") == 1
    assert value(registry, "bytes_total", operation="put") == 3_000_000


def test_the_rest_of_a_store_is_still_there(store: Store, file: Path) -> None:
    store.put("a/key", file)
    assert [found.key for found in store.list()] == ["a/key"]
    assert store.presigned_url("a/key", filename="x", seconds=1) is None
    store.ping()


def test_what_is_missing_is_told_at_once(store: Store, registry: CollectorRegistry) -> None:
    with pytest.raises(LostBlobError):
        store.read("nothing")
    assert value(registry, "operations_total", operation="read", outcome="missing") == 1
    assert value(registry, "operations_running") == 0


def test_a_read_that_is_left_ends(store: Store, file: Path, registry: CollectorRegistry) -> None:
    store.put("a/key", file)
    chunks = store.read("a/key")
    next(chunks)
    assert value(registry, "operations_running") == 1
    chunks.close()  # type: ignore[attr-defined]
    assert value(registry, "operations_total", operation="read", outcome="left") == 1
    assert value(registry, "operations_running") == 0


class BrokenStore:
    """Breaks in the middle."""

    def read(self, key: str) -> Iterator[bytes]:
        yield b"half"
        raise UnavailableError(f"{key} broke")


def test_spans_are_children_and_tell_failures(
    store: Store, file: Path, registry: CollectorRegistry
) -> None:
    root = FakeSpan("root")
    broken = observed(BrokenStore(), StoreMetrics(CollectorRegistry()))  # type: ignore[arg-type]
    with active(root):
        store.put("a/key", file)
        with span("stage"):
            chunks = store.read("a/key")
            with pytest.raises(UnavailableError):
                list(broken.read("a/key"))
        assert sum(map(len, chunks)) == 3_000_000, "also when the stage has ended"
    put, stage = root.children
    read, failed = stage.children
    assert [one.name for one in (put, read, failed)] == ["store.put", "store.read", "store.read"]
    assert all(one.ended for one in (put, read, failed))
    assert (read.failures, failed.failures) == ([], ["UnavailableError"])
    assert put.attributes == read.attributes == {"polarizer.bytes": 3_000_000}


def test_parts_are_counted_and_told_too(
    store: Store, file: Path, registry: CollectorRegistry
) -> None:
    root = FakeSpan("root")
    with active(root):
        handle = store.parts.begin("a/key")
        tag = store.parts.put("a/key", handle, number=1, offset=0, path=file)
        store.parts.join("a/key", handle, {1: tag})
        assert not store.parts.abandon("a/key", handle)
        with pytest.raises(LostBlobError):
            store.parts.put("a/key", handle, number=2, offset=3_000_000, path=file)
    operations = ["begin-parts", "put-part", "join-parts", "abandon-parts", "put-part"]
    assert [span.name for span in root.children] == [f"store.{name}" for name in operations]
    assert all(span.ended for span in root.children)
    assert root.children[1].attributes == {"polarizer.bytes": 3_000_000}
    assert root.children[-1].failures == ["LostBlobError"]
    assert value(registry, "operations_total", operation="put-part", outcome="ok") == 1
    assert value(registry, "operations_total", operation="put-part", outcome="missing") == 1
    assert value(registry, "bytes_total", operation="put-part") == 3_000_000
    assert value(registry, "operations_running") == 0


class LinkedParts:
    """Of a store that knows which parts it has."""

    least, gives_links, tags_bind = 1, True, True

    def stored(self, key: str, handle: str) -> Iterator[StoredPart]:
        yield StoredPart(1, 5, "tag")
        raise UnavailableError(f"{key} {handle} broke")


class LinkedStore:
    parts = LinkedParts()


def test_parts_are_listed_as_they_are_asked_for(registry: CollectorRegistry) -> None:
    store = observed(LinkedStore(), StoreMetrics(registry))  # type: ignore[arg-type]
    assert (store.parts.least, store.parts.gives_links, store.parts.tags_bind) == (1, True, True)
    root = FakeSpan("root")
    with active(root):
        found = store.parts.stored("a/key", "handle")
        assert next(found).tag == "tag"
        with pytest.raises(UnavailableError):
            next(found)
    assert [span.failures for span in root.children] == [["UnavailableError"]]
    assert value(registry, "operations_total", operation="list-parts", outcome="failed") == 1
