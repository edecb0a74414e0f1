"""The cache holds whole files, keeps the last used, takes none from under a request."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator

import pytest

from service.blobs import Blobs
from service.database import Database
from service.errors import LostBlobError, UnavailableError
from service.inference.cache import ModelCache
from service.records import BlobRecord
from service.settings import Settings
from service.storage import open_store

SIZE = 10


class Bench:
    """A cache with room for two, and a store whose reads are counted."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database)
        self.store = open_store(settings)
        self.fetched: list[str] = []
        self.removed: list[str] = []
        read = self.store.read

        def counted(key: str) -> Iterator[bytes]:
            self.fetched.append(key)
            return read(key)

        self.store.read = counted  # type: ignore[method-assign]
        self.blobs = Blobs(self.database, self.store)
        self.cache = self.new_cache()

    def new_cache(self) -> ModelCache:
        return ModelCache(self.settings.cache_dir, self.blobs, 2 * SIZE, self.removed.append)

    def blob(self, content: bytes) -> BlobRecord:
        content = content.ljust(SIZE, b".")
        path = self.settings.data_dir / "content"
        path.write_bytes(content)
        blob_id = self.blobs.keep(path, hashlib.sha256(content).hexdigest(), tenant="default")
        with self.database.read() as session:
            return session.get_one(BlobRecord, blob_id)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.settings.cache_dir.iterdir())

    def use(self, *blobs: BlobRecord) -> None:
        async def use() -> None:
            for blob in blobs:
                async with self.cache.file(blob) as path:
                    assert hashlib.sha256(path.read_bytes()).hexdigest() == blob.sha256

        asyncio.run(use())


@pytest.fixture
def bench(embedded: Settings) -> Iterator[Bench]:
    bench = Bench(embedded)
    yield bench
    bench.database.dispose()


def name(blob: BlobRecord) -> str:
    return f"{blob.sha256}.safetensors"


def test_the_last_used_files_are_kept(bench: Bench) -> None:
    one, two, three = (bench.blob(bytes([i])) for i in range(3))
    bench.use(one, two)
    age(bench, two)
    bench.use(one, three)
    assert bench.files() == sorted([name(one), name(three)])
    assert bench.removed == [two.sha256]
    bench.use(one, three)
    assert len(bench.fetched) == 3


def age(bench: Bench, blob: BlobRecord) -> None:
    """Makes it the file that was used longest ago, whatever the clock's resolution."""
    path = bench.settings.cache_dir / name(blob)
    os.utime(path, (path.stat().st_mtime - 60,) * 2)


def test_files_in_use_stay_until_they_are_not(bench: Bench) -> None:
    blobs = [bench.blob(bytes([i])) for i in range(4)]

    async def scenario() -> None:
        inside = asyncio.Barrier(5)
        leave = asyncio.Event()

        async def use(blob: BlobRecord) -> None:
            async with bench.cache.file(blob) as path:
                await inside.wait()
                assert path.exists()
                await leave.wait()

        tasks = [asyncio.create_task(use(blob)) for blob in blobs]
        await inside.wait()
        async with bench.cache.file(bench.blob(b"another")):
            pass  # at its end the cache is over its limit, and may remove this one only
        assert bench.files() == sorted(map(name, blobs))
        leave.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert len(bench.files()) == 2


def test_many_who_need_a_file_fetch_it_once(bench: Bench) -> None:
    blob = bench.blob(b"content")

    async def use() -> None:
        async with bench.cache.file(blob):
            pass

    async def scenario() -> None:
        await asyncio.gather(*(use() for _ in range(20)))

    asyncio.run(scenario())
    assert len(bench.fetched) == 1


def test_damaged_bytes_never_become_a_file(bench: Bench) -> None:
    blob = bench.blob(b"content")
    stored = bench.settings.data_dir / "store" / blob.key
    stored.write_bytes(b"damaged")
    with pytest.raises(LostBlobError):
        bench.use(blob)
    assert bench.files() == []
    stored.write_bytes(b"content...")
    bench.use(blob)


def test_a_folder_that_cannot_be_written_is_said_so(bench: Bench) -> None:
    blob = bench.blob(b"content")
    bench.settings.cache_dir.write_text("not a folder")
    with pytest.raises(UnavailableError, match="cache folder"):
        bench.use(blob)


def test_a_removed_file_is_fetched_again(bench: Bench) -> None:
    blob = bench.blob(b"content")
    bench.use(blob)
    bench.cache.remove(blob.sha256)
    bench.cache.remove(blob.sha256)
    assert bench.files() == []
    bench.use(blob)
    assert len(bench.fetched) == 2


def test_what_a_crash_left_goes_when_it_is_old(bench: Bench) -> None:
    blob = bench.blob(b"content")
    bench.settings.cache_dir.mkdir(parents=True, exist_ok=True)
    old, young = (bench.settings.cache_dir / f"{word}.partial" for word in ("old", "young"))
    for path in (old, young):
        path.touch()
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    bench.use(blob)
    assert bench.files() == sorted([name(blob), "young.partial"])


def test_files_of_the_process_before_count(bench: Bench) -> None:
    blobs = [bench.blob(bytes([i])) for i in range(3)]
    bench.use(*blobs[:2])
    bench.cache = bench.new_cache()
    bench.use(blobs[2])
    assert len(bench.files()) == 2
    assert name(blobs[2]) in bench.files()
