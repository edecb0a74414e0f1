"""What must be true in the end, whatever was done to the parts. Every rule is a function from the
evidence (and the promises) to its violations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from service.defenses.states import Stage, Status, may_follow
from tests.faults.evidence import DefenseFact, Evidence
from tests.faults.promises import Gone, Promises, Violation

Rule = Callable[[Evidence, Promises], Iterator[Violation]]
STAGES = list(Stage)


def audit(evidence: Evidence, promises: Promises) -> list[Violation]:
    """Every violation, those that clients saw on the spot first. Everything must have ended, and
    the sweep must have been through."""
    return [
        *promises.violations,
        *(violation for rule in RULES for violation in rule(evidence, promises)),
    ]


def every_accepted_job_ended(evidence: Evidence, promises: Promises) -> Iterator[Violation]:
    for defense_id, job in promises.jobs.items():
        if job.gone is Gone.NO and defense_id not in evidence.defenses:
            yield Violation("what was accepted is there", defense_id, "no row")
    for defense_id, defense in evidence.defenses.items():
        if not Status(defense.status).is_terminal:
            yield Violation("every job ends", defense_id, defense.status)


def what_was_told_is_so(evidence: Evidence, promises: Promises) -> Iterator[Violation]:
    for defense_id, job in promises.jobs.items():
        defense = evidence.defenses.get(defense_id)
        if defense is None:
            continue
        if job.gone is Gone.YES:
            yield Violation("what is gone stays gone", defense_id, defense.status)
        if job.ended and job.ended != defense.status:
            detail = f"{job.ended} was told, it is {defense.status}"
            yield Violation("terminal states stay", defense_id, detail)
        if job.stopped and defense.status != "cancelled":
            detail = f"{job.stopped} was told, it is {defense.status}"
            yield Violation("what is cancelled ends cancelled", defense_id, detail)
        written = {event.sequence: event for event in defense.events}
        for sequence, seen in job.events.items():
            now = written.get(sequence)
            if now is None or (now.kind, now.data) != (seen["type"], seen["data"]):
                yield Violation("events never change", defense_id, f"{seen} was told")


def uploads_and_models_are_kept(evidence: Evidence, promises: Promises) -> Iterator[Violation]:
    found = {"upload": evidence.uploads, "model": {}}
    found["model"] = {model_id: model.blob for model_id, model in evidence.models.items()}
    told = {"upload": promises.uploads, "model": promises.models}
    for kind, things in told.items():
        for name, kept in things.items():
            blob = found[kind].get(name)
            if blob is None and kept.gone is Gone.NO:
                yield Violation("what was accepted is there", name, f"no such {kind}")
            if blob is not None and kept.gone is Gone.YES:
                yield Violation("what is gone stays gone", name, f"the {kind} is there")
            if blob is not None and kept.sha256 not in (None, evidence.blobs[blob].sha256):
                yield Violation("what was accepted is there", name, "with another digest")


def one_key_one_defense(evidence: Evidence, promises: Promises) -> Iterator[Violation]:
    for key, defense_id in promises.keys.items():
        made = evidence.keys.get(key)
        if defense_id and made not in (None, defense_id):
            yield Violation("one key, one defense", key, f"{made} instead of {defense_id}")


def one_success_one_artefact(evidence: Evidence, promises: Promises) -> Iterator[Violation]:
    for defense_id, defense in evidence.defenses.items():
        if defense.status != "succeeded":
            if defense.models or defense.report_blob:
                detail = f"{defense.status}, with a result"
                yield Violation("only success leaves a result", defense_id, detail)
            continue
        job = promises.jobs.get(defense_id)
        model = promises.models.get(job.model or "") if job else None
        deleted = model is not None and model.gone is not Gone.NO
        if defense.report_blob is None:
            yield Violation("success leaves a result", defense_id, "no report")
        if len(defense.models) != 1 and not deleted:
            yield Violation("success leaves a result", defense_id, f"{len(defense.models)} models")
        yield from _made_by_the_last(evidence, defense_id, defense)


def _made_by_the_last(
    evidence: Evidence, defense_id: str, defense: DefenseFact
) -> Iterator[Violation]:
    for model_id in defense.models:
        stored = evidence.stored.get(evidence.models[model_id].blob)
        line = stored.first_line if stored else ""
        ours = line.startswith("def_")  # a real child leaves a real artefact
        if ours and line != f"{defense_id} {defense.attempt}":
            detail = f"attempt {defense.attempt} succeeded, the artefact is of {line!r}"
            yield Violation("no job is done twice", defense_id, detail)


def events_go_forward(evidence: Evidence, _promises: Promises) -> Iterator[Violation]:
    for defense_id, defense in evidence.defenses.items():
        events = defense.events
        if [event.sequence for event in events] != list(range(1, defense.event_count + 1)):
            yield Violation("events are numbered", defense_id, f"of {defense.event_count}")
        for before, after in pairwise(events):
            if after.attempt < before.attempt or after.at < before.at:
                detail = f"{before.sequence} and {after.sequence}"
                yield Violation("no event goes backwards", defense_id, detail)
        yield from _states(defense_id, defense)
        yield from _stages(defense_id, defense)


def _states(defense_id: str, defense: DefenseFact) -> Iterator[Violation]:
    states = [Status(event.data["status"]) for event in defense.events if event.kind == "status"]
    for before, after in pairwise(states):
        if not may_follow(before, after):
            rule = "no job is done twice" if before.is_terminal else "no event goes backwards"
            yield Violation(rule, defense_id, f"{before}, then {after}")
    if states[:1] != [Status.QUEUED] or states[-1] != defense.status:
        yield Violation("events tell the state", defense_id, f"{states} and {defense.status}")
    if states.count(Status.RUNNING) != defense.attempt:
        detail = f"{states.count(Status.RUNNING)} of {defense.attempt}"
        yield Violation("every attempt is told", defense_id, detail)


def _stages(defense_id: str, defense: DefenseFact) -> Iterator[Violation]:
    attempt, stage, fraction = 0, -1, 0.0
    for event in defense.events:
        if event.attempt != attempt:
            attempt, stage, fraction = event.attempt, -1, 0.0
        if event.kind == "stage":
            if STAGES.index(event.data["stage"]) <= stage:
                detail = f"{event.data['stage']} again, in attempt {attempt}"
                yield Violation("no event goes backwards", defense_id, detail)
            stage, fraction = STAGES.index(event.data["stage"]), 0.0
        elif event.kind == "progress":
            if event.data["fraction"] < fraction:
                detail = f"progress {fraction}, then {event.data['fraction']}"
                yield Violation("no event goes backwards", defense_id, detail)
            fraction = event.data["fraction"]


def nothing_is_left_over(evidence: Evidence, _promises: Promises) -> Iterator[Violation]:
    wanted = set(evidence.uploads.values())
    for defense in evidence.defenses.values():
        wanted |= {*defense.inputs, defense.report_blob}
    for model in evidence.models.values():
        wanted |= {model.blob, model.alarm_blob}
    wanted.discard(None)
    for blob in evidence.blobs.keys() - wanted:
        yield Violation("nothing is left over", blob, "nobody refers to this row")
    for blob in evidence.stored.keys() - evidence.blobs.keys():
        yield Violation("nothing is left over", blob, "bytes without a row")


def every_blob_is_whole(evidence: Evidence, _promises: Promises) -> Iterator[Violation]:
    for blob, fact in evidence.blobs.items():
        stored = evidence.stored.get(blob)
        if stored is None:
            yield Violation("stored bytes are there", blob, "missing")
        elif (stored.sha256, stored.size) != (fact.sha256, fact.size):
            yield Violation("stored bytes are there", blob, "damaged")
        if not fact.live:
            yield Violation("stored bytes are there", blob, "kept, but never became live")


RULES: tuple[Rule, ...] = (
    every_accepted_job_ended,
    what_was_told_is_so,
    uploads_and_models_are_kept,
    one_key_one_defense,
    one_success_one_artefact,
    events_go_forward,
    nothing_is_left_over,
    every_blob_is_whole,
)
