"""A runner with a real database and store, and children of our own choice."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from service.blobs import Blobs
from service.database import Database
from service.defenses import lifecycle, repository
from service.ids import new_id
from service.records import DefenseRecord, EventRecord, InputRecord, ModelRecord
from service.settings import Settings
from service.storage import Store, open_store
from tests.waiting import wait_until
from worker.process import CHILD
from worker.runner import Runner
from worker.workplace import Workplace, open_workplace


class FakeQueue:
    """Remembers whom it woke."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def wake(self, defense_id: str) -> bool:
        self.woken.append(defense_id)
        return True


@dataclass
class Bench:
    """Everything around a runner."""

    settings: Settings
    database: Database
    store: Store
    workplace: Workplace
    shutdown: threading.Event = field(default_factory=threading.Event)
    queue: FakeQueue = field(default_factory=FakeQueue)

    @property
    def blobs(self) -> Blobs:
        return Blobs(self.database, self.store)

    def runner(self, child: str = "well_behaved", **settings: Any) -> Runner:
        """A runner whose child is a script of ``tests/worker/children``, or ``real``."""
        script = [sys.executable, "-P", "-m", f"tests.worker.children.{child}"]
        return Runner(
            self.settings.model_copy(update=settings),
            self.database,
            self.blobs,
            self.queue,  # type: ignore[arg-type]
            self.workplace,
            shutdown=self.shutdown,
            command=CHILD if child == "real" else script,
        )

    def kept(self, content: bytes) -> str:
        """The id of a blob with this content."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.settings.data_dir / f"upload-{digest}"
        path.write_bytes(content)
        return self.blobs.keep(path, digest)

    def queued(
        self,
        inputs: dict[str, bytes] | None = None,
        *,
        sources: dict[str, tuple[str, str | None]] | None = None,
        **request: Any,
    ) -> str:
        """A defense that waits; ``inputs`` are kept as blobs, ``sources`` are (uri, sha256)."""
        inputs = {"model": b"a model", "clean": b"images"} if inputs is None else inputs
        records = [
            InputRecord(role=role, blob_id=self.kept(content), filename=f"{role}.bin")
            for role, content in inputs.items()
        ]
        for role, (uri, sha256) in (sources or {}).items():
            records.append(InputRecord(role=role, uri=uri, sha256=sha256))
        defense = DefenseRecord(
            id=new_id("def"), tenant="default", name="mine", request=request, inputs=records
        )
        with self.database.write() as session:
            lifecycle.add(session, defense)
        return defense.id

    def row(self, defense_id: str) -> DefenseRecord:
        with self.database.read() as session:
            return repository.get(session, "default", defense_id)

    def events(self, defense_id: str, kind: str | None = None) -> list[EventRecord]:
        with self.database.read() as session:
            found, _more = repository.events(session, defense_id, after=0, limit=10_000)
        return [event for event in found if kind in (None, event.type)]

    def models(self) -> list[ModelRecord]:
        with self.database.read() as session:
            return list(session.query(ModelRecord))

    def cancel(self, defense_id: str) -> None:
        with self.database.write() as session:
            record = repository.get(session, "default", defense_id, lock=True)
            lifecycle.request_cancel(session, record)

    def job_folders(self) -> list[Path]:
        return list(self.workplace.folder.glob("job-*"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    settings = Settings(data_dir=tmp_path, lease_seconds=2.0, device="cpu")
    database = Database(settings.database)
    database.migrate()
    with open_workplace(settings.jobs_dir) as workplace:
        yield Bench(settings, database, open_store(settings), workplace)
    database.dispose()


@pytest.fixture
def background() -> Iterator[Callable[..., threading.Thread]]:
    """Starts calls in threads of their own, which must have ended when the test ends."""
    threads: list[threading.Thread] = []

    def start(call: Callable[..., object], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=call, args=arguments)
        threads.append(thread)
        thread.start()
        return thread

    yield start
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def wait_for_event(bench: Bench) -> Callable[[str, str], EventRecord]:
    """Waits for the first event of a kind."""

    def wait(defense_id: str, kind: str) -> EventRecord:
        return wait_until(lambda: next(iter(bench.events(defense_id, kind)), None))

    return wait
