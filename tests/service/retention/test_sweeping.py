"""The sweep: what is old goes, what is needed stays, and an unbelievable clock stops it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from service.defenses.states import Status
from service.names import service as names
from service.records import (
    AuditRecord,
    DefenseRecord,
    EventRecord,
    ModelRecord,
    UploadRecord,
)
from service.retention.clock import TOLERANCE_SECONDS, Clock
from service.retention.metrics import RemovalMetrics
from service.retention.sweeping import OPERATION, Sweeper
from tests.service.retention.conftest import ACME, OTHERS, Shelf, identifier, moment

YEAR = 365
EVERYTHING = {"uploads_days": 10, "defenses_days": 10, "models_days": 10}


def sweeper(shelf: Shelf, clock: Clock | None = None, **settings: object) -> Sweeper:
    resources = shelf.resources
    return Sweeper(
        resources.settings.model_copy(update=settings),
        resources.database,
        resources.blobs,
        resources.removals,
        clock,
    )


def kept(shelf: Shelf, **settings: object) -> dict[str, str]:
    """Why things stay that are old, by their id."""
    return {old.id: old.kept for old in sweeper(shelf, **settings).plan() if old.kept}


def test_nothing_goes_unless_it_is_said(shelf: Shelf) -> None:
    shelf.upload(YEAR)
    shelf.defense(YEAR)
    shelf.model(YEAR)
    assert list(sweeper(shelf).plan()) == []
    assert sweeper(shelf).sweep().total() == 0
    assert len(shelf.contents()) == 4


def test_what_is_older_goes_with_its_bytes_and_is_noted(shelf: Shelf) -> None:
    shelf.tenant(ACME, **EVERYTHING)
    old = [shelf.upload(11, b"1"), shelf.defense(11, b"2"), shelf.model(11, b"3")]
    young = [shelf.upload(9, b"4"), shelf.defense(9, b"5"), shelf.model(9, b"6")]
    removed = sweeper(shelf).sweep()
    assert removed == {"uploads": 1, "defenses": 1, "models": 1}
    left = shelf.ids(UploadRecord) | shelf.ids(DefenseRecord) | shelf.ids(ModelRecord)
    assert left == set(young)
    assert shelf.contents() == {b"4", b"5", b"report of 5", b"6"}
    with shelf.resources.database.read() as session:
        noted = session.scalars(select(AuditRecord).where(AuditRecord.operation == OPERATION)).all()
    assert {(each.tenant, each.target, each.status) for each in noted} == {
        (ACME, gone, 204) for gone in old
    }
    counted = shelf.resources.removals.registry.get_sample_value
    assert counted("polarizer_retention_removed_total", {"kind": "models"}) == 1
    assert counted("polarizer_retention_clock_trouble") == 0
    assert sweeper(shelf).sweep().total() == 0, "once is enough"


def test_the_settings_hold_for_those_who_say_nothing(shelf: Shelf) -> None:
    shelf.tenant(OTHERS, uploads_days=0)
    mine, theirs = shelf.upload(11), shelf.upload(11, tenant=OTHERS)
    assert sweeper(shelf, keep_uploads_days=10).sweep() == {"uploads": 1}
    assert shelf.ids(UploadRecord) == {theirs}
    assert mine != theirs


def test_bytes_that_somebody_refers_to_stay(shelf: Shelf) -> None:
    """Of another tenant, or of a defense that is not old."""
    shelf.tenant(ACME, **EVERYTHING)
    shelf.upload(11, b"shared")
    shelf.defense(1, b"shared")
    shelf.upload(11, b"everybody's")
    shelf.upload(11, b"everybody's", tenant=OTHERS)
    assert sweeper(shelf).sweep() == {"uploads": 2}
    assert shelf.contents() == {b"shared", b"report of shared", b"everybody's"}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.CANCELLING])
def test_what_a_defense_needs_that_has_not_ended_stays(shelf: Shelf, status: Status) -> None:
    shelf.tenant(ACME, **EVERYTHING)
    upload = shelf.upload(YEAR, b"needed")
    defense = shelf.defense(YEAR, b"needed", status)
    assert kept(shelf) == {upload: "a defense that has not ended uses its bytes"}
    assert sweeper(shelf).sweep().total() == 0
    assert shelf.ids(DefenseRecord) == {defense}
    assert shelf.contents() == {b"needed"}


def test_a_model_that_answers_stays_and_so_does_its_report(shelf: Shelf) -> None:
    shelf.tenant(ACME, **EVERYTHING)
    defense = shelf.defense(YEAR)
    first, second, third = (
        shelf.model(YEAR - day, bytes([day]), defense=None if day else defense) for day in range(3)
    )
    preloaded = shelf.model(YEAR, b"preloaded")
    for model in (third, first, second):  # the last one answers
        shelf.name("signs", model)
    reasons = kept(shelf, engine_preload=(preloaded,))
    assert "'signs' points at it" in reasons[second]
    assert "'signs' would go back to it" in reasons[first]
    assert first in reasons[defense]
    assert "POLARIZER_ENGINE_PRELOAD" in reasons[preloaded]
    assert third not in reasons
    assert sweeper(shelf, engine_preload=(preloaded,)).sweep() == {"models": 1}
    assert shelf.ids(ModelRecord) == {first, second, preloaded}
    assert shelf.ids(DefenseRecord) == {defense}
    names.remove(shelf.resources.database, ACME, "signs")
    assert sweeper(shelf).sweep() == {"models": 3, "defenses": 1}
    assert shelf.contents() == set()


def test_a_message_that_waits_keeps_its_defense(shelf: Shelf) -> None:
    shelf.tenant(ACME, **EVERYTHING)
    told, untold = shelf.defense(11, b"1"), shelf.defense(11, b"2")
    shelf.delivery(told, "delivered")
    shelf.delivery(untold, "waiting")
    assert "webhook" in kept(shelf)[untold]
    sweeper(shelf).sweep()
    assert shelf.ids(DefenseRecord) == {untold}


def test_what_begins_to_be_needed_after_it_was_seen_stays(shelf: Shelf) -> None:
    """Between the look and the removal somebody points a name at it."""
    shelf.tenant(ACME, **EVERYTHING)
    model = shelf.model(11)
    late = sweeper(shelf)
    (seen,) = late.plan()
    assert seen.kept is None
    shelf.name("signs", model)
    assert late.remove(seen) is False
    assert shelf.ids(ModelRecord) == {model}


def test_events_thin_out_but_for_states(shelf: Shelf) -> None:
    shelf.tenant(ACME, events_days=5)
    old, young = shelf.defense(6, b"1"), shelf.defense(4, b"2")
    running = shelf.defense(6, b"3", Status.RUNNING)
    assert sweeper(shelf).sweep() == {"events": 1}
    with shelf.resources.database.read() as session:
        found = session.execute(select(EventRecord.defense_id, EventRecord.type)).all()
    both = {"status", "progress"}
    left = {of: {kind for whose, kind in found if whose == of} for of in (old, young, running)}
    assert left == {old: {"status"}, young: both, running: both}


def test_audit_entries_go_by_their_tenants_period(shelf: Shelf) -> None:
    shelf.tenant(ACME, audit_days=5)
    for tenant in (ACME, OTHERS, "nobody any more", None):
        for days in (6, 31):
            entry = AuditRecord(
                id=identifier("aud", moment(days)),
                tenant=tenant,
                operation="x",
                status=200,
                created_at=moment(days),
            )
            shelf.add(entry)
    assert sweeper(shelf, audit_days=30).sweep() == {"audit": 5}
    with shelf.resources.database.read() as session:
        left = session.scalars(select(AuditRecord.tenant).where(AuditRecord.operation == "x"))
        assert sorted(map(str, left)) == ["None", "nobody any more", OTHERS]


# Clocks


def test_a_row_of_the_future_is_not_old(shelf: Shelf) -> None:
    shelf.tenant(ACME, **EVERYTHING)
    ahead = {shelf.upload(-YEAR), shelf.model(-YEAR), shelf.defense(-YEAR)}
    assert list(sweeper(shelf).plan()) == []
    assert sweeper(shelf).sweep().total() == 0
    assert shelf.ids(UploadRecord) | shelf.ids(ModelRecord) | shelf.ids(DefenseRecord) == ahead


def test_one_clock_alone_makes_nothing_old(shelf: Shelf) -> None:
    """The row says so, its id says otherwise."""
    shelf.tenant(ACME, **EVERYTHING)
    upload = shelf.upload(0)
    with shelf.resources.database.write() as session:
        session.get_one(UploadRecord, upload).created_at = moment(YEAR)
    assert sweeper(shelf).sweep().total() == 0


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read
        self.moved = 0.0

    def __call__(self) -> float:
        return self._read() + self.moved


@pytest.mark.parametrize("seconds", [2 * TOLERANCE_SECONDS, -2 * TOLERANCE_SECONDS])
def test_a_clock_that_was_set_stops_it(shelf: Shelf, seconds: float) -> None:
    shelf.tenant(ACME, **EVERYTHING)
    upload = shelf.upload(11)
    wall = Hands(lambda: moment(0).timestamp())
    clock = Clock(wall, running=lambda: moment(0).timestamp() - 1_000_000)
    wall.moved = seconds
    with capture_logs() as logs:
        assert sweeper(shelf, clock).sweep().total() == 0
    assert [entry["event"] for entry in logs] == ["retention_stopped"]
    assert "was set" in logs[0]["reason"]
    assert shelf.ids(UploadRecord) == {upload}
    counted = shelf.resources.removals.registry.get_sample_value
    assert counted("polarizer_retention_clock_trouble") == 1
    wall.moved = 0
    assert sweeper(shelf, clock).sweep() == {"uploads": 1}


def test_two_clocks_that_disagree_stop_it(shelf: Shelf) -> None:
    shelf.tenant(ACME, **EVERYTHING)
    shelf.upload(11)
    ahead = Hands(lambda: moment(0).timestamp())
    ahead.moved = 2 * TOLERANCE_SECONDS
    clock = Clock(ahead, running=ahead)
    with capture_logs() as logs:
        assert sweeper(shelf, clock).sweep().total() == 0
    assert "apart" in logs[0]["reason"]


def test_a_machine_that_slept_is_believed(shelf: Shelf) -> None:
    wall, running = Hands(lambda: moment(0).timestamp()), Hands(lambda: moment(0).timestamp())
    clock = Clock(wall, running)
    wall.moved = running.moved = 600.0
    with shelf.resources.database.read() as session:
        assert clock.trouble(session) is None
        wall.moved += TOLERANCE_SECONDS / 2
        assert clock.trouble(session) is None, "minutes are no trouble"


def test_metrics_are_of_one_application() -> None:
    assert RemovalMetrics().registry is not RemovalMetrics().registry
