"""The auditor sees every kind of violation: each is planted in a sound copy, and reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults.audit import RULES, Rule, audit
from tests.faults.evidence import (
    BlobFact,
    DefenseFact,
    EventFact,
    Evidence,
    ModelFact,
    StoredFact,
)
from tests.faults.promises import Gone, Job, Kept, Promises

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
DIGESTS = {name: name[0] * 64 for name in ("artefact", "clean", "given", "report", "upload")}


@dataclass
class World:
    """What there is, and what was promised."""

    evidence: Evidence
    promises: Promises

    @property
    def defense(self) -> DefenseFact:
        """It succeeded in its second attempt."""
        return self.evidence.defenses["def_1"]

    @property
    def job(self) -> Job:
        return self.promises.jobs["def_1"]


def events(*told: tuple[int, str, dict[str, Any]]) -> list[EventFact]:
    return [
        EventFact(number, attempt, kind, dict(data), BEGAN + timedelta(seconds=number))
        for number, (attempt, kind, data) in enumerate(told, start=1)
    ]


def state(attempt: int, status: str) -> tuple[int, str, dict[str, Any]]:
    return attempt, "status", {"status": status}


def stage(attempt: int, name: str) -> tuple[int, str, dict[str, Any]]:
    return attempt, "stage", {"stage": name}


def progress(attempt: int, fraction: float) -> tuple[int, str, dict[str, Any]]:
    return attempt, "progress", {"fraction": fraction}


SUCCEEDS = (
    state(0, "queued"),
    state(1, "running"),
    stage(1, "fetching"),
    stage(1, "purifying"),
    progress(1, 0.8),
    state(1, "queued"),
    state(2, "running"),
    stage(2, "fetching"),
    stage(2, "purifying"),
    progress(2, 0.5),
    progress(2, 1.0),
    stage(2, "storing"),
    state(2, "succeeded"),
)


def as_told(event: EventFact) -> dict[str, Any]:
    return {"sequence": event.sequence, "type": event.kind, "data": dict(event.data)}


def sound() -> World:
    """One defense that succeeded, one that was cancelled, one upload; nothing is wrong."""
    happened = events(*SUCCEEDS)
    cancelled = events(state(0, "queued"), state(0, "cancelled"))
    evidence = Evidence(
        defenses={
            "def_1": DefenseFact(
                "succeeded", 2, len(happened), "report", ["given", "clean"], happened, ["mdl_1"]
            ),
            "def_2": DefenseFact("cancelled", 0, 2, None, ["clean"], cancelled, []),
        },
        models={"mdl_1": ModelFact("artefact", "def_1")},
        uploads={"upl_1": "upload"},
        blobs={name: BlobFact(digest, 5, True) for name, digest in DIGESTS.items()},
        keys={"key-1": "def_1"},
        stored={name: StoredFact(digest, 5) for name, digest in DIGESTS.items()},
    )
    evidence.stored["artefact"].first_line = "def_1 2"
    promises = Promises()
    promises.created("def_1", "key-1")
    promises.created("def_2", None)
    promises.told("def_1", {"status": "succeeded", "model_id": "mdl_1"})
    promises.models["mdl_1"].sha256 = DIGESTS["artefact"]
    promises.jobs["def_2"].stopped = "cancelled"
    promises.uploads["upl_1"] = Kept(DIGESTS["upload"])
    seen = [
        {"sequence": one.sequence, "type": one.kind, "data": dict(one.data)} for one in happened
    ]
    promises.saw("def_1", seen[:4])
    return World(evidence, promises)


@pytest.fixture
def world() -> World:
    return sound()


def test_nothing_is_wrong(world: World) -> None:
    assert audit(world.evidence, world.promises) == []


PLANTED: dict[str, list[Callable[[World], object]]] = {
    "every job ends": [
        lambda world: setattr(world.defense, "status", "running"),
        lambda world: setattr(world.evidence.defenses["def_2"], "status", "cancelling"),
    ],
    "what was accepted is there": [
        lambda world: world.evidence.defenses.pop("def_2"),
        lambda world: world.evidence.uploads.pop("upl_1"),
        lambda world: world.defense.models.remove(world.evidence.models.popitem()[0]),
        lambda world: world.evidence.uploads.update(upl_1="clean"),
    ],
    "terminal states stay": [
        lambda world: setattr(world.job, "ended", "failed"),
        lambda world: world.promises.told("def_1", {"status": "running"}),
    ],
    "what is cancelled ends cancelled": [lambda world: setattr(world.job, "stopped", "cancelling")],
    "what is gone stays gone": [
        lambda world: setattr(world.job, "gone", Gone.YES),
        lambda world: setattr(world.promises.uploads["upl_1"], "gone", Gone.YES),
        lambda world: setattr(world.promises.models["mdl_1"], "gone", Gone.YES),
    ],
    "one key, one defense": [
        lambda world: world.evidence.keys.update({"key-1": "def_2"}),
        lambda world: world.promises.created("def_3", "key-1"),
    ],
    "success leaves a result": [
        lambda world: world.defense.models.clear(),
        lambda world: setattr(world.defense, "report_blob", None),
        lambda world: world.defense.models.append("mdl_1"),
    ],
    "only success leaves a result": [
        lambda world: world.evidence.defenses["def_2"].models.append("mdl_1"),
        lambda world: setattr(world.evidence.defenses["def_2"], "report_blob", "report"),
    ],
    "no job is done twice": [
        lambda world: setattr(world.evidence.stored["artefact"], "first_line", "def_1 1"),
        lambda world: setattr(world.evidence.stored["artefact"], "first_line", "def_2 2"),
        lambda world: happens(world, state(2, "succeeded")),
        lambda world: happens(world, state(3, "running"), state(3, "succeeded")),
    ],
    "no event goes backwards": [
        lambda world: setattr(world.defense.events[-1], "attempt", 1),
        lambda world: setattr(world.defense.events[5], "at", BEGAN),
        lambda world: world.defense.events[8].data.update(stage="fetching"),
        lambda world: world.defense.events[10].data.update(fraction=0.4),
        lambda world: world.defense.events[1].data.update(status="cancelling"),
    ],
    "events are numbered": [
        lambda world: world.defense.events.pop(4),
        lambda world: setattr(world.defense.events[4], "sequence", 4),
        lambda world: world.promises.saw("def_1", [{"sequence": 2, "type": "x", "data": {}}]),
    ],
    "events never change": [
        lambda world: world.job.events[3].update(data={"stage": "measuring"}),
        lambda world: world.job.events.update({99: {"type": "stage", "data": {}}}),
        lambda world: world.promises.saw("def_1", [{"sequence": 1, "type": "x", "data": {}}]),
    ],
    "events tell the state": [
        lambda world: setattr(world.defense, "status", "failed"),
        lambda world: world.defense.events[0].data.update(status="running"),
    ],
    "every attempt is told": [lambda world: setattr(world.defense, "attempt", 3)],
    "nothing is left over": [
        lambda world: world.evidence.blobs.update(more=BlobFact("m" * 64, 1, True)),
        lambda world: world.evidence.stored.update(more=StoredFact("m" * 64, 1)),
        lambda world: world.evidence.uploads.clear(),
    ],
    "stored bytes are there": [
        lambda world: world.evidence.stored.pop("artefact"),
        lambda world: setattr(world.evidence.stored["given"], "sha256", "0" * 64),
        lambda world: setattr(world.evidence.stored["report"], "size", 4),
        lambda world: setattr(world.evidence.blobs["clean"], "live", False),
    ],
}


def happens(world: World, *told: tuple[int, str, dict[str, Any]]) -> None:
    world.defense.events = events(*SUCCEEDS, *told)
    world.defense.event_count = len(world.defense.events)


@pytest.mark.parametrize(
    ("rule", "number"),
    [(rule, number) for rule, plants in PLANTED.items() for number in range(len(plants))],
)
def test_a_planted_violation_is_reported(world: World, rule: str, number: int) -> None:
    PLANTED[rule][number](world)
    assert rule in {violation.rule for violation in audit(world.evidence, world.promises)}


def test_what_clients_saw_is_reported(world: World) -> None:
    world.promises.broken("no unexpected answer", "GET /", "500")
    (found,) = audit(world.evidence, world.promises)
    assert str(found) == "no unexpected answer: GET /: 500"


def test_what_may_be_missing(world: World) -> None:
    """A deletion that got no answer may or may not have happened."""
    world.job.gone = world.promises.uploads["upl_1"].gone = Gone.ASKED
    assert audit(world.evidence, world.promises) == []
    world.promises.models["mdl_1"].gone = Gone.ASKED
    world.defense.models.clear()
    world.evidence.models["mdl_1"].defense = None
    assert audit(world.evidence, world.promises) == []


def test_every_rule_has_a_plant() -> None:
    for rule in RULES:
        assert any(plant_is_seen_by(rule, plant) for plants in PLANTED.values() for plant in plants)


def plant_is_seen_by(rule: Rule, plant: Callable[[World], object]) -> bool:
    copy = sound()
    plant(copy)
    return bool(list(rule(copy.evidence, copy.promises)))
