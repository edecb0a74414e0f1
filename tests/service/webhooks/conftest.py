"""A receiver, a defense that tells it, and a deliverer that is driven by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import update

from service.app import build
from service.database import now
from service.defenses import lifecycle
from service.ids import new_id
from service.records import DefenseRecord, DeliveryRecord
from service.resources import Resources
from service.settings import Settings
from service.webhooks import outbox, secrets, signing
from service.webhooks.deliverer import Deliverer
from service.webhooks.schemas import ENDS
from service.webhooks.sending import Sender
from tests.polarizer.models import description
from tests.service.conftest import migrate
from tests.service.webhooks.receiver import Receiver, receiving

TENANT = "default"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@dataclass(frozen=True)
class Office:
    """What sends, and the rows that it sends from."""

    resources: Resources
    deliverer: Deliverer

    def secret(self, keep_previous: timedelta = timedelta(hours=24)) -> str:
        """A new one, as its owner gets it."""
        master = secrets.master_key(self.resources.settings)
        with self.resources.database.write() as session:
            record = secrets.create(session, TENANT, keep_previous=keep_previous)
            return signing.shown(secrets.derived(master, record))

    def defense(self, url: str, events: tuple[str, ...] = ENDS, *, trace: str | None = None) -> str:
        """One in the queue, that tells this address."""
        record = DefenseRecord(
            id=new_id("def"),
            tenant=TENANT,
            request={"description": description().model_dump(mode="json")}
            | {"target_class": None, "config": {}, "attack_tests": [], "evidence": None},
            webhook_url=url,
            webhook_events=[str(event) for event in events],
            traceparent=trace,
        )
        with self.resources.database.write() as session:
            lifecycle.add(session, record)
        return record.id

    def run(self, defense_id: str) -> None:
        """A worker takes it, and fails."""
        with self.resources.database.write() as session:
            lease = lifecycle.claim(session, defense_id, worker="w", seconds=60)
            assert lease
            lifecycle.fail(session, lease, code="dataset-format", message="no zip")

    def time_passes(self) -> None:
        """Every message that waits is due."""
        with self.resources.database.write() as session:
            session.execute(update(DeliveryRecord).values(next_attempt_at=now(session)))

    def rows(self, defense_id: str) -> list[DeliveryRecord]:
        with self.resources.database.read() as session:
            return list(outbox.of_defense(session, defense_id))


@pytest.fixture
def office(stack: Settings, receiver: Receiver) -> Iterator[Office]:
    settings = stack.model_copy(
        update={"webhook_hosts": (receiver.host,), "webhook_key": None}
        if stack.database.startswith("sqlite")
        else {"webhook_hosts": (receiver.host,), "webhook_key": _Key("k" * 32)}
    )
    migrate(settings)
    resources = build(settings)
    yield Office(resources, Deliverer(settings, resources.database, Sender(seconds=5)))
    resources.database.dispose()


class _Key:
    """A secret of the settings."""

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        return self._value
