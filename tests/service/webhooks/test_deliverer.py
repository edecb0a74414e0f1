"""From a change of state to a message that its receiver can trust."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update
from standardwebhooks import WebhookVerificationError
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from service.defenses import lifecycle, repository
from service.metrics.webhooks import WebhookMetrics
from service.records import DefenseRecord, DeliveryRecord
from service.tracing import TraceContext
from service.webhooks import outbox
from service.webhooks.deliverer import Deliverer
from service.webhooks.schemas import Kind, State
from service.webhooks.sending import Sender
from tests.service.tracing.test_spans import FakeTracing
from tests.service.webhooks.conftest import TENANT, Office
from tests.service.webhooks.receiver import Receiver


def test_the_end_of_a_defense_is_told_and_can_be_verified(
    office: Office, receiver: Receiver
) -> None:
    secret = office.secret()
    defense = office.defense(receiver.url)
    assert office.deliverer.deliver() == 0, "nothing has happened yet"
    office.run(defense)
    assert office.deliverer.deliver() == 1
    assert office.deliverer.deliver() == 0
    told = receiver.verified(secret)
    assert told["type"] == "defense.failed"
    assert told["data"]["id"] == defense
    assert told["data"]["error"]["code"] == "dataset-format"
    assert datetime.fromisoformat(told["timestamp"]).tzinfo
    (row,) = office.rows(defense)
    headers, body = receiver.received[0]
    assert headers["webhook-id"] == row.id
    assert headers["content-type"] == "application/json"
    assert headers["host"] == receiver.host
    assert (row.state, row.attempts, row.last_status) == (State.DELIVERED, 1, 200)
    other = office.secret(keep_previous=timedelta())
    with pytest.raises(WebhookVerificationError):
        receiver.verified(other)
    receiver.received[0] = (headers, body + b" ")
    with pytest.raises(WebhookVerificationError):
        receiver.verified(secret)


def test_only_what_was_asked_for_is_told(office: Office, receiver: Receiver) -> None:
    secret = office.secret()
    quiet = office.defense(receiver.url, (Kind.SUCCEEDED,))
    office.run(quiet)
    assert office.rows(quiet) == []
    chatty = office.defense(receiver.url, (Kind.RUNNING, Kind.FAILED))
    office.run(chatty)
    while office.deliverer.deliver():
        pass
    types = {receiver.verified(secret, number)["type"] for number in range(len(receiver.received))}
    assert types == {"defense.running", "defense.failed"}


def test_a_cancelled_one_is_told(office: Office, receiver: Receiver) -> None:
    secret = office.secret()
    defense = office.defense(receiver.url)
    with office.resources.database.write() as session:
        lifecycle.request_cancel(session, repository.get(session, TENANT, defense, lock=True))
    office.deliverer.deliver()
    assert receiver.verified(secret)["data"]["status"] == "cancelled"


def test_a_message_is_not_there_without_its_change_nor_the_change_without_it(
    office: Office, receiver: Receiver
) -> None:
    defense = office.defense(receiver.url)

    def dies() -> None:
        with office.resources.database.write() as session:
            lease = lifecycle.claim(session, defense, worker="w", seconds=60)
            assert lease
            lifecycle.fail(session, lease, code="internal", message="-")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dies()
    assert office.rows(defense) == []


def test_after_a_rotation_both_secrets_sign_for_a_while(office: Office, receiver: Receiver) -> None:
    first = office.secret()
    second = office.secret(keep_previous=timedelta(hours=1))
    office.run(office.defense(receiver.url))
    office.deliverer.deliver()
    assert len(receiver.received[0][0]["webhook-signature"].split()) == 2
    assert receiver.verified(first) == receiver.verified(second)
    third = office.secret(keep_previous=timedelta())
    office.run(office.defense(receiver.url))
    office.deliverer.deliver()
    receiver.verified(third)
    for old in (first, second):
        with pytest.raises(WebhookVerificationError):
            receiver.verified(old)


def test_what_fails_is_repeated_with_the_same_id_and_body(
    office: Office, receiver: Receiver
) -> None:
    secret = office.secret()
    receiver.answers = [500, 302, 429, 200]
    receiver.location = f"http://{receiver.host}/elsewhere"
    defense = office.defense(receiver.url)
    office.run(defense)
    for _ in range(4):
        assert office.deliverer.deliver() == 1
        assert office.deliverer.deliver() == 0, "not before it is due"
        office.time_passes()
    (row,) = office.rows(defense)
    assert (row.state, row.attempts) == (State.DELIVERED, 4)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    assert len({body for _, body in receiver.received}) == 1
    assert len(receiver.received) == 4, "redirects are not followed"
    receiver.verified(secret)


def test_attempts_end(office: Office, receiver: Receiver) -> None:
    office.secret()
    receiver.answers = [503]
    defense = office.defense(receiver.url)
    office.run(defense)
    pauses = []
    for _ in range(20):
        office.deliverer.deliver()
        (row,) = office.rows(defense)
        if row.state == State.WAITING:
            pauses.append((row.next_attempt_at - datetime.now(UTC)).total_seconds())
        office.time_passes()
    assert row.state == State.GIVEN_UP
    assert row.attempts == len(outbox.PAUSES) + 1 == len(receiver.received)
    assert row.last_error == "the answer was 503"
    for pause, planned in zip(pauses, outbox.PAUSES, strict=True):
        assert 0.79 * planned - 60 < pause < 1.21 * planned


def test_gone_ends_everything_that_would_go_there(office: Office, receiver: Receiver) -> None:
    office.secret()
    receiver.answers = [410]
    first, second, later = (office.defense(receiver.url) for _ in range(3))
    office.run(first)
    office.deliverer.deliver()
    office.run(second)
    office.time_passes()
    assert office.deliverer.deliver() == 0
    assert office.rows(second) == []
    assert [row.state for row in office.rows(first)] == [State.GIVEN_UP]
    office.run(later)
    assert office.rows(later) == []
    with office.resources.database.read() as session:
        assert session.get_one(DefenseRecord, later).webhook_url is None


def test_an_attempt_that_nobody_finished_is_made_again(office: Office, receiver: Receiver) -> None:
    """The process that took it died, before or after it was sent."""
    office.secret()
    defense = office.defense(receiver.url)
    office.run(defense)
    with office.resources.database.write() as session:
        (dead,) = outbox.take(session, limit=8)
        assert outbox.take(session, limit=8) == [], "one process at a time"
    office.time_passes()
    office.deliverer.deliver()
    with office.resources.database.write() as session:
        assert outbox.settle(session, dead, delivered=False, status=None, error="-") is None
    (row,) = office.rows(defense)
    assert (row.state, row.attempts) == (State.DELIVERED, 2)


def test_one_tenant_does_not_hold_up_the_others(office: Office, receiver: Receiver) -> None:
    for _ in range(9):
        office.run(office.defense(receiver.url))
    with office.resources.database.write() as session:
        session.execute(
            update(DeliveryRecord)
            .where(DeliveryRecord.id == max(row.id for row in session.query(DeliveryRecord)))
            .values(tenant="other")
        )
        taken = outbox.take(session, limit=8)
    assert len(taken) == outbox.MOST_OF_A_TENANT + 1
    assert "other" in {message.tenant for message in taken}


def test_without_a_secret_nothing_is_sent(office: Office, receiver: Receiver) -> None:
    defense = office.defense(receiver.url)
    office.run(defense)
    office.deliverer.deliver()
    assert receiver.received == []
    assert "secret" in str(office.rows(defense)[0].last_error)


def test_settled_messages_are_forgotten_after_a_month(office: Office, receiver: Receiver) -> None:
    office.secret()
    old, new = office.defense(receiver.url), office.defense(receiver.url)
    for defense in (old, new):
        office.run(defense)
    office.deliverer.deliver()
    with office.resources.database.write() as session:
        session.execute(
            update(DeliveryRecord)
            .where(DeliveryRecord.defense_id == old)
            .values(created_at=datetime.now(UTC) - timedelta(days=40))
        )
    office.deliverer.sweep()
    assert office.rows(old) == []
    assert len(office.rows(new)) == 1


def test_an_attempt_stands_in_the_trace_of_the_request_that_made_the_defense(
    office: Office, receiver: Receiver
) -> None:
    trace = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
    office.secret()
    receiver.answers = [500, 200]
    defense = office.defense(receiver.url, trace=trace.header)
    office.run(defense)
    tracing = FakeTracing()
    resources = office.resources
    registry = CollectorRegistry()
    deliverer = Deliverer(
        resources.settings,
        resources.database,
        Sender(seconds=60),
        tracing,
        WebhookMetrics(registry),
    )
    with capture_logs([merge_contextvars]) as lines:
        assert deliverer.deliver() == 1
        office.time_passes()
        assert deliverer.deliver() == 1
    (row,) = office.rows(defense)
    assert [parent for _, parent in tracing.roots] == [trace, trace]
    failed, delivered = (root for root, _ in tracing.roots)
    assert (failed.name, failed.failures, delivered.failures) == ("webhook", ["500"], [])
    about = {
        "polarizer.job_id": defense,
        "polarizer.message_id": row.id,
        "polarizer.attempt": 2,
        "polarizer.state": State.DELIVERED,
        "http.response.status_code": 200,
    }
    assert about.items() <= delivered.attributes.items()
    posts = [span for span in delivered.everything() if span.name == "webhook.post"]
    assert [span.name for span in delivered.children] == [
        *("database.read", "webhook.post", "database.write")
    ]
    headers, _ = receiver.received[-1]
    assert headers["traceparent"] == posts[0].context.header
    assert receiver.host not in repr(delivered), "an address may hold a secret"
    ids = {"job_id": defense, "trace_id": trace.trace_id, "message_id": row.id, "tenant": TENANT}
    for outcome, count in {"delivered": 1, "refused": 1, "silent": 0}.items():
        labels = {"outcome": outcome}
        found = registry.get_sample_value("polarizer_webhook_attempts_total", labels)
        assert found == count, outcome
    assert registry.get_sample_value("polarizer_webhook_seconds_count") == 2
    assert registry.get_sample_value("polarizer_webhook_attempts_running") == 0
    attempted = [line for line in lines if line["event"] == "webhook_attempted"]
    assert len(attempted) == 2
    assert all(ids.items() <= line.items() for line in attempted)


def test_what_nobody_records_tells_its_receiver_nothing(office: Office, receiver: Receiver) -> None:
    office.secret()
    office.run(office.defense(receiver.url))
    office.deliverer.deliver()
    assert "traceparent" not in receiver.received[0][0]
