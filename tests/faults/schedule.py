"""One run: load, one fault after the other, rest, sweep, audit."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select

from service.blobs import Blobs
from service.database import Database
from service.defenses.states import Status
from service.records import DefenseRecord
from service.storage import open_store
from tests.faults.audit import audit
from tests.faults.backup import restored
from tests.faults.evidence import Evidence, gather
from tests.faults.faults import Fault, FaultError
from tests.faults.load import Client, Payload
from tests.faults.migrations import killed_migration
from tests.faults.parts import ROOT
from tests.faults.promises import Promises, Violation
from tests.faults.stack import Stack
from tests.faults.talk import Talk

log = structlog.get_logger()

CLIENTS = 4
RECOVERY_SECONDS = 60.0
"""The service must answer again so soon after a fault."""

REST_SECONDS = 240.0
"""Every job must have ended so soon after the last fault."""


@dataclass(frozen=True)
class Plan:
    """How much of what; ``seconds`` is when no further fault begins."""

    seed: int
    jobs: int
    faults: tuple[Fault, ...]
    seconds: float
    pause: float = 1.0
    """Seconds between two defenses that are asked for."""
    real_jobs: int = 0
    migrations: tuple[tuple[str, str], ...] = ()
    """Revision and when: ``before`` or ``after`` it."""


@dataclass
class Result:
    """What happened, and what was wrong."""

    happened: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    violations: list[Violation] = field(default_factory=list)
    skews: dict[str, float] = field(default_factory=dict)
    accepted: int = 0
    unanswered: int = 0
    jobs: dict[str, int] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    restored: bool = False
    seconds: float = 0.0

    def summary(self, plan: Plan) -> dict[str, Any]:
        return {
            "seed": plan.seed,
            "seconds": round(self.seconds),
            "clocks_wrong_by_seconds": self.skews,
            "jobs_accepted": self.accepted,
            "jobs_made_without_an_answer": self.unanswered,
            "jobs_by_status": self.jobs,
            "jobs_by_attempts": self.attempts,
            "faults": sum(self.happened.values()),
            "faults_by_kind": dict(sorted(self.happened.items())),
            "steps_that_nobody_came_by": dict(sorted(self.missed.items())),
            "answers_to_clients": self.answers,
            "left_at_the_end": self.counts,
            "audited_again_after_backup_and_restore": self.restored,
            "violations": [str(violation) for violation in self.violations],
        }


def run(stack: Stack, plan: Plan) -> Result:
    """Does it all; the stack is still running afterwards."""
    began = time.monotonic()
    result, promises = Result(skews=dict(stack.skews)), Promises()
    database = Database(stack.database)
    try:
        with _load(stack, plan, promises):
            _strike(stack, plan, result, began)
            _await_jobs(promises, plan, began)
        _rest(database, result)
        _settle(stack, database, promises, result)
    finally:
        database.dispose()
    result.answers = dict(sorted(promises.answers.items()))
    result.seconds = time.monotonic() - began
    return result


@contextmanager
def _load(stack: Stack, plan: Plan, promises: Promises) -> Iterator[None]:
    """Clients that ask for a defense every so often, ``plan.jobs`` and more of them."""
    wanted, stop = threading.Semaphore(CLIENTS), threading.Event()
    urls = [api.url for api in stack.apis]
    real = deque(real_payloads(plan.real_jobs))
    clients = []
    for number in range(CLIENTS):
        chance = random.Random(f"{plan.seed}-{number}")
        talk = Talk(urls, promises, chance)
        client = Client(talk, promises, chance, wanted=wanted, real=real)
        clients.append(threading.Thread(target=client.run, args=(stop,), name=f"client-{number}"))
    pace = threading.Thread(target=_pace, args=(wanted, stop, plan.pause), name="pace")
    clients.append(pace)
    for client in clients:
        client.start()
    try:
        yield
    finally:
        stop.set()
        for client in clients:
            client.join(120)


def _pace(wanted: threading.Semaphore, stop: threading.Event, pause: float) -> None:
    while not stop.wait(pause):
        wanted.release()


def _strike(stack: Stack, plan: Plan, result: Result, began: float) -> None:
    chance = random.Random(plan.seed)
    for revision, when in plan.migrations:
        with stack.postgres.fresh_database() as url:
            result.violations += killed_migration(url, stack.folder, revision, when)
            result.happened[f"migration killed {when} {revision}"] += 1
    for fault in plan.faults:
        if time.monotonic() - began > plan.seconds:
            break
        struck = time.monotonic()
        try:
            happened = fault.strike(stack, chance)
        except (FaultError, RuntimeError) as error:  # it did not end, or did not start again
            result.violations.append(Violation("a part does as told", fault.name, str(error)))
            happened = True
        (result.happened if happened else result.missed)[fault.name] += 1
        result.violations += _not_recovered(stack, fault)
        spent = round(time.monotonic() - struck, 1)
        log.info("fault", name=fault.name, happened=happened, seconds=spent)


def _not_recovered(stack: Stack, fault: Fault) -> list[Violation]:
    deadline = time.monotonic() + RECOVERY_SECONDS
    last = ""
    for api in stack.apis:
        while True:
            try:
                with urllib.request.urlopen(f"{api.url}/readyz", timeout=15):
                    break
            except OSError as error:
                last = f"{api.name}: {error}"
            if time.monotonic() > deadline:
                return [Violation("the service comes back", fault.name, last)]
            time.sleep(0.1)
    return []


def _await_jobs(promises: Promises, plan: Plan, began: float) -> None:
    """Gives the load the time that is left to ask for all its defenses."""
    while len(promises.jobs) < plan.jobs and time.monotonic() - began < 1.2 * plan.seconds:
        time.sleep(0.2)


def _rest(database: Database, result: Result) -> None:
    deadline = time.monotonic() + REST_SECONDS
    open_states = [Status.QUEUED, Status.RUNNING, Status.CANCELLING]
    while time.monotonic() < deadline:
        with database.read() as session:
            query = select(func.count()).where(DefenseRecord.status.in_(open_states))
            if not session.scalar(query):
                return
        time.sleep(0.5)


def _settle(stack: Stack, database: Database, promises: Promises, result: Result) -> None:
    """Ends the service, sweeps as it does, and audits what is left."""
    for part in stack.parts.values():
        status, seconds = part.end()
        if status != 0:
            detail = f"{status} after {seconds:.1f} s"
            result.violations.append(Violation("a part does as told", part.name, detail))
    store = open_store(stack.settings())
    Blobs(database, store).sweep(0)
    evidence = gather(database, store)
    result.violations += audit(evidence, promises)
    if not result.violations:
        result.violations += restored(stack, promises)
        result.restored = True
    result.accepted = len(promises.jobs)
    result.unanswered = len(evidence.defenses.keys() - promises.jobs.keys())
    result.jobs = dict(Counter(str(fact.status) for fact in evidence.defenses.values()))
    deleted = len(promises.jobs.keys() - evidence.defenses.keys())
    result.jobs["deleted by clients"] = deleted
    result.attempts = dict(
        sorted(Counter(fact.attempt for fact in evidence.defenses.values()).items())
    )
    result.counts = {
        "models": len(evidence.models),
        "models_by_the_real_child": len(evidence.models) - _light_models(evidence),
        "uploads": len(evidence.uploads),
        "blobs": len(evidence.blobs),
        "stored_objects": len(evidence.stored),
        "events": sum(len(fact.events) for fact in evidence.defenses.values()),
    }


def _light_models(evidence: Evidence) -> int:
    blobs = (model.blob for model in evidence.models.values())
    return sum(
        evidence.stored[blob].first_line.startswith("def_")
        for blob in blobs
        if blob in evidence.stored
    )


def real_payloads(count: int) -> list[Payload]:
    """Jobs for the real child; made by a process of its own, because that loads torch."""
    if not count:
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", _MAKE_SAMPLES, name], cwd=ROOT, check=True)
        model, clean = (folder / "model").read_bytes(), (folder / "clean").read_bytes()
        request = json.loads((folder / "request").read_text())
    return [Payload(model, clean, request)] * count


_MAKE_SAMPLES = """
import json, pathlib, sys
from tests.worker import samples
folder = pathlib.Path(sys.argv[1])
inputs, request = samples.inputs(), samples.request()
(folder / "model").write_bytes(inputs["model"])
(folder / "clean").write_bytes(inputs["clean"])
wanted = {"description": request["description"], "config": request["config"], "evidence": None}
(folder / "request").write_text(json.dumps(wanted))
"""
