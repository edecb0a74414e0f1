"""What the service told its clients, kept by the clients: the auditor holds it against what is
there in the end. Also what was wrong on the spot."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Violation:
    """A promise that was broken: which, whose, and how it showed."""

    rule: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject}: {self.detail}"


class Gone(StrEnum):
    """Whether something was to be deleted."""

    NO = "no"
    ASKED = "asked"
    """No answer came, or one that leaves it open."""
    YES = "yes"
    """The service said that it is gone."""


@dataclass
class Kept:
    """An upload or a model: its digest, as it was told."""

    sha256: str | None = None
    gone: Gone = Gone.NO


@dataclass
class Job:
    """A defense that was answered with 202."""

    key: str | None = None
    gone: Gone = Gone.NO
    ended: str | None = None
    """The terminal status that an answer told."""
    stopped: str | None = None
    """The status that the answer to a cancellation told."""
    model: str | None = None
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Those that were seen, by sequence number."""


class Promises:
    """Filled by several clients at a time, each of which has its own jobs, uploads and models."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.uploads: dict[str, Kept] = {}
        self.models: dict[str, Kept] = {}
        self.keys: dict[str, str] = {}
        self.answers: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self._lock = threading.Lock()

    def count(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1

    def broken(self, rule: str, subject: str, detail: str) -> None:
        with self._lock:
            self.violations.append(Violation(rule, subject, detail))

    def created(self, defense_id: str, key: str | None) -> None:
        """A 202 that names this defense."""
        with self._lock:
            known = self.keys.setdefault(key, defense_id) if key else defense_id
            self.jobs.setdefault(known, Job(key))
        if known != defense_id:
            self.broken("one key, one defense", defense_id, f"{key} had made {known} before")

    def told(self, defense_id: str, body: dict[str, Any]) -> None:
        """A 200 about this defense."""
        job, status = self.jobs[defense_id], body["status"]
        ended = status in ("succeeded", "failed", "cancelled")
        if job.ended and job.ended != status:
            self.broken("terminal states stay", defense_id, f"{job.ended}, then {status}")
        if ended:
            job.ended = status
        if status == "succeeded" and body["model_id"]:
            job.model = body["model_id"]
            with self._lock:
                self.models.setdefault(body["model_id"], Kept())

    def saw(self, defense_id: str, events: list[dict[str, Any]]) -> None:
        """A page of events, from the first on."""
        job = self.jobs[defense_id]
        numbers = [event["sequence"] for event in events]
        if numbers != list(range(1, len(numbers) + 1)):
            self.broken("events are numbered", defense_id, f"{numbers}")
        for event in events:
            known = job.events.setdefault(event["sequence"], event)
            if known != event:
                self.broken("events never change", defense_id, f"{known}, then {event}")
