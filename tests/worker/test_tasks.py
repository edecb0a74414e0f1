"""The task: hands ids over, and survives strange messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.defenses.states import QueueName
from service.queue import RUN_DEFENSE, create_celery
from service.settings import Settings
from worker.tasks import register


class FakeRunner:
    def __init__(self) -> None:
        self.ran: list[str] = []
        self.queues: list[QueueName | None] = []

    def run(self, woken_for: str, queue: QueueName | None) -> None:
        self.ran.append(woken_for)
        self.queues.append(queue)


@pytest.mark.parametrize(
    ("arguments", "ran"), [(["def_1"], ["def_1"]), ([7], []), ([], []), (["def_1", 2], ["def_1"])]
)
def test_an_id_reaches_the_runner(tmp_path: Path, arguments: list[object], ran: list[str]) -> None:
    celery, runner = create_celery(Settings(data_dir=tmp_path)), FakeRunner()
    register(celery, runner)
    celery.tasks[RUN_DEFENSE].apply(args=arguments).get()
    assert runner.ran == ran


@pytest.mark.parametrize(
    ("name", "queue"),
    [("defenses", QueueName.CPU), ("defenses-gpu", QueueName.GPU), ("celery", None)],
)
def test_the_runner_hears_which_queue_it_was(
    tmp_path: Path, name: str, queue: QueueName | None
) -> None:
    celery, runner = create_celery(Settings(data_dir=tmp_path)), FakeRunner()
    register(celery, runner)
    celery.tasks[RUN_DEFENSE].apply(args=["def_1"], routing_key=name).get()
    assert runner.queues == [queue]


def test_a_message_is_acknowledged_when_the_work_is_done(tmp_path: Path) -> None:
    celery = create_celery(Settings(data_dir=tmp_path))
    register(celery, FakeRunner())
    assert celery.tasks[RUN_DEFENSE].acks_late
