"""The queue: a message carries an id; a broker that is away costs nothing but a log line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from service.defenses.states import QueueName
from service.errors import UnavailableError
from service.queue import MAX_SENDING, QUEUE, RUN_DEFENSE, Job, Queue, create_celery
from service.settings import Settings


@pytest.fixture
def celery(stack: Settings) -> Iterator[Celery]:
    celery = create_celery(stack)
    yield celery
    celery.close()


def messages(celery: Celery) -> Iterator[Any]:
    with celery.connection_for_write() as connection:
        queue = connection.SimpleQueue(QUEUE)
        with suppress(queue.Empty):
            while message := queue.get(block=False):
                yield message
                message.ack()
        queue.close()


def test_a_message_carries_an_id_and_nothing_else(celery: Celery) -> None:
    queue = Queue(celery)
    queue.ping()
    assert queue.wake("def_1")
    assert queue.wake("def_2")
    found = list(messages(celery))
    assert {message.headers["task"] for message in found} == {RUN_DEFENSE}
    assert sorted(message.payload[0][0] for message in found) == ["def_1", "def_2"]
    for message in found:
        assert message.content_type == "application/json"
        args, kwargs, _ = json.loads(message.body)
        assert (len(args), kwargs) == (1, {})


def test_several_at_once_are_as_many_messages(celery: Celery) -> None:
    jobs = [Job(f"def_{number}", QueueName.CPU) for number in range(3)]
    assert Queue(celery).wake_all(jobs)
    sent = sorted(message.payload[0][0] for message in messages(celery))
    assert sent == [job.defense_id for job in jobs]


@pytest.mark.server
def test_a_connection_that_was_lost_loses_no_message(tmp_path: Path, redis_url: str) -> None:
    celery = create_celery(Settings(data_dir=tmp_path, broker_url=redis_url))
    queue, jobs = Queue(celery), [Job("def_1", QueueName.CPU), Job("def_2", QueueName.CPU)]
    assert queue.wake("def_0")
    with Redis.from_url(redis_url) as operator:
        operator.client_kill_filter(_type="normal", skipme=True)
    assert queue.wake_all(jobs)
    sent = {message.payload[0][0] for message in messages(celery)}
    celery.close()
    assert sent == {"def_0", "def_1", "def_2"}


def test_a_broker_that_is_away(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, broker_url="redis://:hush@127.0.0.1:9/0")
    queue = Queue(create_celery(settings))
    assert queue.wake("def_1") is False
    with pytest.raises(UnavailableError) as raised:
        queue.ping()
    assert "hush" not in str(raised.value)


def test_a_broker_that_hangs_holds_up_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or every request would leave a thread behind that waits for it."""
    monkeypatch.setattr("service.queue.TURN_SECONDS", 0.01)
    celery, go_on, sent = Celery(), threading.Event(), threading.Semaphore(0)

    def hang(*_: object, **__: object) -> None:
        sent.release()
        go_on.wait(60)

    monkeypatch.setattr(celery, "send_task", hang)
    queue = Queue(celery)
    senders = [threading.Thread(target=queue.wake, args=("def_1",)) for _ in range(MAX_SENDING)]
    for sender in senders:
        sender.start()
        assert sent.acquire(timeout=20)
    assert queue.wake("def_2") is False
    go_on.set()
    for sender in senders:
        sender.join(20)
    assert queue.wake("def_2") is True


def test_an_unwritable_folder(tmp_path: Path) -> None:
    queue = Queue(create_celery(Settings(data_dir=tmp_path)))
    messages = tmp_path / "queue" / "messages"
    messages.rmdir()
    messages.write_text("not a folder")
    assert queue.wake("def_1") is False


def test_redis_keeps_a_message_longer_than_a_job_may_take() -> None:
    settings = Settings(broker_url="redis://localhost", job_timeout_seconds=500)
    options = create_celery(settings).conf.broker_transport_options
    assert options["visibility_timeout"] > 500 + settings.lease_seconds
