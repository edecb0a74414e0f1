"""How an attempt ended, and what is then written, in one transaction guarded by its lease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from service.defenses import lifecycle, repeating
from service.defenses.lifecycle import Lease
from service.defenses.report import Report
from service.models import repository as models
from service.records import DefenseRecord


class Outcome(Protocol):
    """One of the classes below."""

    def write(self, session: Session, lease: Lease) -> None:
        """Raises LostLeaseError when the attempt may not write (any more)."""


@dataclass(frozen=True)
class Succeeded:
    """The blobs are stored; nobody refers to them yet."""

    report: Report
    artefact_blob_id: str
    report_blob_id: str
    alarm_blob_id: str | None = None

    def write(self, session: Session, lease: Lease) -> None:
        """The end of the defense first: it is what refuses an attempt that lost its lease."""
        numbers = self.report.numbers.model_dump(exclude_none=True)
        lifecycle.succeed(session, lease, numbers=numbers, report_blob_id=self.report_blob_id)
        defense = session.get_one(DefenseRecord, lease.defense_id)
        digests = {role: given.sha256 for role, given in self.report.inputs.items()}
        defense.fingerprint = repeating.fingerprint(defense.request, digests)
        models.add(
            session,
            tenant=defense.tenant,
            name=defense.name,
            defense_id=defense.id,
            blob_id=self.artefact_blob_id,
            description=self.report.model,
            method=(self.report.method or self.report.config.method).value,
            numbers=numbers,
            alarm=self.report.alarm,
            alarm_blob_id=self.alarm_blob_id,
        )


@dataclass(frozen=True)
class Failed:
    """The input, the optimisation or a limit was at fault; ``code`` is stable."""

    code: str
    message: str

    def write(self, session: Session, lease: Lease) -> None:
        lifecycle.fail(session, lease, code=self.code, message=self.message)


@dataclass(frozen=True)
class Cancelled:
    """The child is gone, as its user asked."""

    def write(self, session: Session, lease: Lease) -> None:
        lifecycle.confirm_cancel(session, lease)


@dataclass(frozen=True)
class GivenBack:
    """Another attempt shall try it: this worker shuts down, or something is away."""

    wake: bool

    def write(self, session: Session, lease: Lease) -> None:
        lifecycle.hand_back(session, lease)


@dataclass(frozen=True)
class Lost:
    """Another attempt may be running already: nothing is written."""

    def write(self, session: Session, lease: Lease) -> None:
        """Nothing."""
