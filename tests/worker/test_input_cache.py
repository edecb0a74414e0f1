"""Inputs on the worker's disk: fetched once, bounded, verified, and nobody else's."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service.database import Database
from service.errors import LostBlobError
from service.records import BlobRecord
from service.settings import Settings
from service.storage.local import LocalStore
from tests.service.conftest import migrate
from worker.input_cache import FROM_COPY, FROM_STORE, LOOK_SECONDS, CachingBlobs


class CountingStore(LocalStore):
    """Remembers what was read from it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, key: str) -> Iterator[bytes]:
        self.reads.append(key)
        return super().read(key)


@dataclass
class Hands:
    """A clock that the test moves; seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """A worker's blobs, and what is behind them."""

    database: Database
    store: CountingStore
    folder: Path
    blobs: CachingBlobs
    clock: Hands = field(default_factory=Hands)

    def kept(self, content: bytes, tenant: str = "default") -> BlobRecord:
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder.parent / digest
        path.write_bytes(content)
        blob_id = self.blobs.keep(path, digest, tenant=tenant)
        with self.database.read() as session:
            return session.get_one(BlobRecord, blob_id)

    def read(self, blob: BlobRecord) -> bytes:
        return b"".join(self.blobs.read(blob))

    def copies(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} if self.folder.exists() else set()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """With room for ten bytes."""
    settings = Settings(data_dir=tmp_path)
    migrate(settings)
    database, store, clock = Database(settings.database), CountingStore(tmp_path / "store"), Hands()
    folder = tmp_path / "place" / "inputs"
    folder.parent.mkdir()
    yield Place(database, store, folder, CachingBlobs(database, store, folder, 10, clock), clock)
    database.dispose()


def test_the_store_is_asked_once(place: Place) -> None:
    blob = place.kept(b"12345")
    assert [place.read(blob) for _ in range(3)] == [b"12345"] * 3
    assert place.store.reads == [blob.key]
    assert place.copies() == {blob.id}


def test_who_asks_hears_where_it_was_read_from(place: Place) -> None:
    heard: list[str] = []
    blobs = CachingBlobs(place.database, place.store, place.folder, 10, on_read=heard.append)
    small, large = place.kept(b"12345"), place.kept(b"12345678901")
    for blob in (small, small, large, large):
        b"".join(blobs.read(blob))
    assert heard == [FROM_STORE, FROM_COPY, FROM_STORE, FROM_STORE]


def test_another_tenants_equal_bytes_are_fetched(place: Place) -> None:
    mine, theirs = place.kept(b"12345"), place.kept(b"12345", tenant="others")
    assert mine.sha256 == theirs.sha256
    assert place.read(mine) == place.read(theirs)
    assert place.store.reads == [mine.key, theirs.key]


def test_what_was_used_longest_ago_goes_first(place: Place) -> None:
    first, second, third = (place.kept(content) for content in (b"1111", b"2222", b"3333"))
    place.read(first)
    place.read(second)
    place.read(first)
    place.read(third)
    assert place.copies() == {first.id, third.id}
    assert place.read(second) == b"2222"


def test_what_is_too_large_is_not_kept(place: Place) -> None:
    large = place.kept(b"more than ten bytes")
    assert place.read(large) == place.read(large) == b"more than ten bytes"
    assert place.store.reads == [large.key] * 2
    assert place.copies() == set()


def test_zero_keeps_nothing(place: Place) -> None:
    off = CachingBlobs(place.database, place.store, place.folder, 0)
    blob = place.kept(b"12345")
    assert b"".join(off.read(blob)) == b"".join(off.read(blob)) == b"12345"
    assert place.store.reads == [blob.key] * 2
    assert place.copies() == set()


@pytest.mark.parametrize("damage", [b"12346", b"", b"123456"], ids=["changed", "empty", "longer"])
def test_a_damaged_copy_is_fetched_anew(place: Place, damage: bytes) -> None:
    blob = place.kept(b"12345")
    place.read(blob)
    (place.folder / blob.id).write_bytes(damage)
    assert place.read(blob) == b"12345"
    assert place.store.reads == [blob.key] * 2
    assert (place.folder / blob.id).read_bytes() == b"12345", "and kept again"


def test_a_copy_that_is_gone_is_fetched_anew(place: Place) -> None:
    blob = place.kept(b"12345")
    place.read(blob)
    shutil.rmtree(place.folder)
    assert place.read(blob) == b"12345"
    assert place.copies() == {blob.id}


def test_a_copy_that_changes_while_it_is_read_is_told(place: Place) -> None:
    blob = place.kept(b"12345")
    place.read(blob)
    chunks = place.blobs.read(blob)
    (place.folder / blob.id).write_bytes(b"12346")
    with pytest.raises(LostBlobError):
        list(chunks)


def test_what_is_stored_damaged_is_not_kept(place: Place, tmp_path: Path) -> None:
    blob = place.kept(b"12345")
    (tmp_path / "store" / blob.key).write_bytes(b"12346")
    for _ in range(2):
        with pytest.raises(LostBlobError):
            place.read(blob)
    assert place.copies() == set()


def test_a_reader_who_leaves_keeps_nothing(place: Place) -> None:
    chunks = place.blobs.read(place.kept(b"12345"))
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert place.copies() == set()


def test_what_was_deleted_is_kept_no_longer(place: Place) -> None:
    deleted, other = place.kept(b"1234"), place.kept(b"5678")
    place.read(deleted)
    place.blobs.release([deleted.id])
    place.read(other)
    assert place.copies() == {deleted.id, other.id}, "nobody has looked yet"
    place.clock.now += LOOK_SECONDS
    place.read(other)
    assert place.copies() == {other.id}


def test_a_disk_without_room_is_no_reason_not_to_work(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(place.folder.parent)._replace(free=5)
    monkeypatch.setattr("worker.input_cache.shutil.disk_usage", lambda _folder: full)
    blob = place.kept(b"12345")
    assert place.read(blob) == b"12345"
    assert place.copies() == set()


def test_a_folder_that_cannot_be_written_is_no_reason_either(place: Place) -> None:
    place.folder.touch()  # no folder at all
    blob = place.kept(b"12345")
    assert place.read(blob) == place.read(blob) == b"12345"


def test_threads_share_it(place: Place) -> None:
    blobs = [place.kept(bytes([number]) * 4) for number in range(5)]
    start = threading.Barrier(4)

    def work(_: int) -> list[bytes]:
        start.wait(60)
        return [place.read(blob) for _ in range(20) for blob in blobs]

    with ThreadPoolExecutor(4) as pool:
        for read in pool.map(work, range(4)):
            assert read == [bytes([number]) * 4 for _ in range(20) for number in range(5)]
    assert len(place.copies()) <= 2, "ten bytes hold two of them"
