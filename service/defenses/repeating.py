"""A defense that was made before is answered from the record: the same files, the same
configuration, the same tenant, made by the same code.

What is compared is written when a defense succeeds, by its worker, from the digests that it saw; so
a record of an older version, or of references that have changed since, is not found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from polarizer.alarm.facts import Calibration
from polarizer.description import ModelDescription
from service.defenses import lifecycle
from service.defenses.states import Status
from service.models import repository as models
from service.records import DefenseRecord, ModelRecord

RECORD = "record"
"""Who ran such a defense, in place of a worker's name."""
_CODE = ("polarizer", "worker/child")
_PACKAGES = ("torch", "numpy", "pillow")
_LEASE_SECONDS = 60.0
_EARLIER = (  # made once: that takes longer than to have it answered
    select(DefenseRecord.id)  # most often there is none
    .join(ModelRecord, ModelRecord.defense_id == DefenseRecord.id)
    .where(
        DefenseRecord.tenant == bindparam("of_tenant"),
        DefenseRecord.fingerprint == bindparam("of_fingerprint"),
        DefenseRecord.status == Status.SUCCEEDED,
        DefenseRecord.report_blob_id.is_not(None),
    )
    .order_by(DefenseRecord.id.desc())
    .limit(1)
    .with_for_update(read=True, of=ModelRecord)
)


def fingerprint(request: Mapping[str, Any], digests: Mapping[Any, str]) -> str:
    """Of what a defense is made from: the request as its row holds it, the sha256 of every input
    by role, and the code that makes it."""
    made_from = {"request": request, "inputs": dict(sorted(digests.items())), "code": code()}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


@cache
def code() -> str:
    """A digest of the sources that a job runs, and of the packages that they compute with; builds
    of one release of torch count as one."""
    root = Path(__file__).parents[2]
    sources = (path for folder in _CODE for path in (root / folder).rglob("*.py"))
    return digest_of(root, sorted(sources), [_release(package) for package in _PACKAGES])


def digest_of(root: Path, sources: Iterable[Path], releases: Iterable[str]) -> str:
    digest = hashlib.sha256("\0".join(releases).encode())
    for path in sources:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\0{path.relative_to(root)}\0{content}".encode())
    return digest.hexdigest()


def _release(package: str) -> str:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""


def question(record: DefenseRecord) -> lifecycle.Question | None:
    """Which earlier one it repeats, whose result is still there: that one's model is not deleted
    before commit. None when that cannot be told yet: of a reference that nobody has looked at."""
    digests = {given.role: given.sha256 for given in record.inputs if given.sha256}
    if len(digests) < len(record.inputs):
        return None
    found = fingerprint(record.request, digests)
    return lifecycle.Question(_EARLIER, {"of_tenant": record.tenant, "of_fingerprint": found})


def answer(session: Session, record: DefenseRecord) -> bool:
    """Lets a queued defense succeed with what an earlier one came to; whether there is one."""
    asked = question(record)
    earlier = None if asked is None else session.scalar(asked.query, dict(asked.parameters))
    return earlier is not None and give(session, record, earlier)


def give(session: Session, record: DefenseRecord, earlier_id: str) -> bool:
    """Lets a queued defense succeed with what this one came to; whether it could. The new model
    has the same files, and is the new defense's own."""
    earlier = session.get(DefenseRecord, earlier_id)
    if earlier is None or earlier.report_blob_id is None or earlier.model is None:
        return False
    lease = lifecycle.claim(session, record.id, worker=RECORD, seconds=_LEASE_SECONDS)
    if lease is None:
        return False
    lifecycle.succeed(
        session, lease, numbers=earlier.numbers or {}, report_blob_id=earlier.report_blob_id
    )
    _add_model(session, record, earlier.model)
    record.fingerprint, record.answered_from = earlier.fingerprint, earlier.id
    session.flush()
    return True


def _add_model(session: Session, record: DefenseRecord, model: ModelRecord) -> None:
    models.add(
        session,
        tenant=record.tenant,
        name=record.name,
        defense_id=record.id,
        blob_id=model.blob_id,
        description=ModelDescription.model_validate(model.description),
        method=model.method,
        numbers=model.numbers,
        alarm=Calibration.model_validate(model.alarm) if model.alarm else None,
        alarm_blob_id=model.alarm_blob_id,
    )
