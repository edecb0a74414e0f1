"""A runner with a real database and store, and children of our own choice."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from service.database import Database
from service.defenses.states import QueueName
from service.records import EventRecord
from service.settings import Settings
from service.storage import open_store
from tests.schema import give_schema
from tests.waiting import wait_until
from tests.worker.desk import Desk
from worker.process import CHILD
from worker.runner import Runner
from worker.workplace import Workplace, open_workplace


class FakeQueue:
    """Remembers whom it woke."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def wake(self, defense_id: str, queue: QueueName = QueueName.CPU) -> bool:
        self.woken.append(defense_id)
        return True

    def count(self, queue: QueueName) -> int | None:
        return 0


@dataclass
class Bench(Desk):
    """Everything around a runner."""

    workplace: Workplace
    shutdown: threading.Event = field(default_factory=threading.Event)
    queue: FakeQueue = field(default_factory=FakeQueue)

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

    def job_folders(self) -> list[Path]:
        return list(self.workplace.folder.glob("job-*"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    settings = Settings(data_dir=tmp_path, lease_seconds=2.0, device="cpu")
    give_schema(settings.database)
    database = Database(settings.database)
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
