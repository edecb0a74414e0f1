"""Blobs survive a death at any step: what is referred to is there, what is not is swept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from service.blobs import SHARING_GRACE, Blobs
from service.database import Database, now
from service.errors import LostBlobError, UnavailableError
from service.ids import new_id
from service.records import BlobRecord, UploadRecord
from service.storage import Store, StoredObject

MakeFile = Callable[[bytes], Path]


class Died(BaseException):
    """The process was killed here."""


class DyingStore:
    """A store whose process dies before or after one of its calls."""

    def __init__(self, store: Store, dies: str) -> None:
        self._store = store
        self._dies = dies

    def _step(self, name: str, call: Callable[[], None]) -> None:
        if self._dies == f"before {name}":
            raise Died
        call()
        if self._dies == f"after {name}":
            raise Died

    def put(self, key: str, path: Path) -> None:
        self._step("put", lambda: self._store.put(key, path))

    def delete(self, key: str) -> None:
        self._step("delete", lambda: self._store.delete(key))

    def read(self, key: str) -> Iterator[bytes]:
        return self._store.read(key)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        return self._store.list(prefix)

    def tidy(self, older_than: float, keep: Collection[str] = ()) -> int:
        return self._store.tidy(older_than, keep)

    def presigned_url(self, key: str, *, filename: str, seconds: int) -> str | None:
        return self._store.presigned_url(key, filename=filename, seconds=seconds)

    def ping(self) -> None:
        self._store.ping()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def refer(database: Database, blob_id: str) -> str:
    """An upload of the blob."""
    upload_id = new_id("upl")
    with database.write() as session:
        session.add(
            UploadRecord(id=upload_id, tenant="t", blob_id=blob_id, created_at=now(session))
        )
    return upload_id


def unrefer(database: Database, upload_id: str) -> None:
    with database.write() as session:
        session.delete(session.get_one(UploadRecord, upload_id))


def record(database: Database, blob_id: str) -> BlobRecord | None:
    with database.read() as session:
        return session.get(BlobRecord, blob_id)


def rows(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(BlobRecord.id)))


def keys(store: Store) -> list[str]:
    return [item.key.rsplit("/", 1)[-1] for item in store.list()]


def age(database: Database, blob_id: str, by: timedelta) -> None:
    """As if it had been made, and shared, so much earlier."""
    with database.write() as session:
        blob = session.get_one(BlobRecord, blob_id)
        blob.created_at -= by
        if blob.shared_at is not None:
            blob.shared_at -= by


def test_what_is_kept_can_be_read(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile, tmp_path: Path
) -> None:
    data = b"model" * 1_000_000
    blob_id = blobs.keep(make_file(data), sha256(data), tenant="default")
    kept = record(database, blob_id)
    assert kept is not None
    assert (kept.live, kept.size, kept.sha256) == (True, len(data), sha256(data))
    assert b"".join(blobs.read(kept)) == data
    blobs.fetch(kept, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data
    assert keys(store) == [blob_id]


def test_damaged_bytes_are_never_taken_for_good(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile
) -> None:
    kept = record(database, blobs.keep(make_file(b"good"), sha256(b"good"), tenant="default"))
    assert kept is not None
    store.put(kept.key, make_file(b"evil"))
    with pytest.raises(LostBlobError, match="digest"):
        list(blobs.read(kept))
    store.delete(kept.key)
    with pytest.raises(LostBlobError):
        list(blobs.read(kept))


def test_the_same_bytes_share_a_blob(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile
) -> None:
    first = blobs.keep(make_file(b"same"), sha256(b"same"), tenant="default")
    assert blobs.keep(make_file(b"same"), sha256(b"same"), tenant="default") == first
    assert keys(store) == rows(database) == [first]


def test_several_files_are_kept_together(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile
) -> None:
    known = blobs.keep(make_file(b"one"), sha256(b"one"), tenant="default")
    files = {sha256(data): make_file(data) for data in (b"one", b"two", b"three")}
    kept = blobs.keep_all(files, tenant="default")
    assert kept[sha256(b"one")] == known
    assert sorted(keys(store)) == sorted(rows(database)) == sorted(kept.values())
    for digest, path in files.items():
        found = record(database, kept[digest])
        assert found is not None
        assert found.live
        assert b"".join(blobs.read(found)) == path.read_bytes()


def test_when_one_of_them_cannot_be_stored_none_is_shared_later(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile
) -> None:
    class FullStore(DyingStore):
        def put(self, key: str, path: Path) -> None:
            if path.read_bytes() == b"two":
                raise UnavailableError("the object store is full")
            super().put(key, path)

    files = {sha256(data): make_file(data) for data in (b"one", b"two", b"three")}
    with pytest.raises(UnavailableError, match="full"):
        Blobs(database, FullStore(store, "never")).keep_all(files, tenant="default")
    left = set(rows(database))
    assert len(left) == 3
    assert left.isdisjoint(blobs.keep_all(files, tenant="default").values())


@pytest.mark.parametrize("dies", ["before put", "after put"])
def test_a_death_while_keeping_leaves_nothing_to_find(
    database: Database, store: Store, make_file: MakeFile, dies: str
) -> None:
    with pytest.raises(Died):
        Blobs(database, DyingStore(store, dies)).keep(
            make_file(b"data"), sha256(b"data"), tenant="default"
        )
    (dead,) = rows(database)
    blobs = Blobs(database, store)

    other = blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default")
    assert other != dead, "bytes that may not be whole were shared"
    refer(database, other)

    assert blobs.sweep(grace_seconds=3600) == 0, "work under way was swept"
    age(database, dead, timedelta(hours=2))
    assert blobs.sweep(grace_seconds=3600) == 1
    assert rows(database) == keys(store) == [other]


def test_a_sweep_during_a_slow_put_is_noticed(
    database: Database, store: Store, make_file: MakeFile
) -> None:
    """The row was swept while the bytes were on their way: the upload fails, the bytes go later."""

    class SlowStore(DyingStore):
        def put(self, key: str, path: Path) -> None:
            Blobs(database, store).sweep(grace_seconds=-1)
            super().put(key, path)

    with pytest.raises(UnavailableError, match="too long"):
        Blobs(database, SlowStore(store, "never")).keep(
            make_file(b"slow"), sha256(b"slow"), tenant="default"
        )
    assert rows(database) == []
    assert Blobs(database, store).sweep(grace_seconds=3600) == 1
    assert keys(store) == []


@pytest.mark.parametrize("dies", ["before delete", "after delete"])
def test_a_death_while_forgetting_is_cleaned_up(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile, dies: str
) -> None:
    blob_id = blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default")
    with pytest.raises(Died):
        Blobs(database, DyingStore(store, dies)).release([blob_id])
    assert rows(database) == [], "a row without bytes would be a promise that cannot be kept"
    blobs.sweep(grace_seconds=3600)
    assert keys(store) == []


def test_what_cannot_be_freed_now_is_left_to_the_sweep(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile
) -> None:
    """The reference is gone already: an error would say that it is not."""

    class AwayStore(DyingStore):
        def delete(self, key: str) -> None:
            raise UnavailableError("the object store cannot be reached")

    blob_id = blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default")
    Blobs(database, AwayStore(store, "never")).release([blob_id])
    assert rows(database) == []
    assert keys(store) == [blob_id]
    assert blobs.sweep(grace_seconds=3600) == 1
    assert keys(store) == []


def test_what_is_referred_to_stays(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile
) -> None:
    blob_id = blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default")
    upload_id = refer(database, blob_id)
    age(database, blob_id, timedelta(days=1))
    blobs.release([blob_id, "blb_unknown"])
    assert blobs.sweep(grace_seconds=-1) == 0
    assert rows(database) == keys(store) == [blob_id]
    unrefer(database, upload_id)
    blobs.release([blob_id])
    assert rows(database) == keys(store) == []


def test_what_somebody_has_just_shared_is_not_released(
    database: Database, store: Store, blobs: Blobs, make_file: MakeFile
) -> None:
    """The second upload found the bytes and has not committed its own row yet."""
    upload_id = refer(database, blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default"))
    blob_id = blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default")
    unrefer(database, upload_id)
    blobs.release([blob_id])
    assert rows(database) == keys(store) == [blob_id]
    age(database, blob_id, SHARING_GRACE + timedelta(seconds=1))
    blobs.release([blob_id])
    assert rows(database) == keys(store) == []


def test_a_row_that_never_went_live_is_not_shared(
    database: Database, blobs: Blobs, make_file: MakeFile
) -> None:
    blob_id = blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default")
    with database.write() as session:
        session.execute(update(BlobRecord).values(live=False))
    assert blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default") != blob_id


def test_foreign_keys_are_enforced(
    database: Database, blobs: Blobs, make_file: MakeFile, store: Store
) -> None:
    """The last defence: a reference that appears between the look and the deletion."""
    blob_id = blobs.keep(make_file(b"data"), sha256(b"data"), tenant="default")
    refer(database, blob_id)
    assert blobs._forget(BlobRecord.id == blob_id) == 0
    assert rows(database) == keys(store) == [blob_id]
