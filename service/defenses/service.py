"""What may be done with defenses, whoever asks: make, cancel, forget, read the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.access import audit, quotas
from service.access.callers import acting, limits_of_caller
from service.blobs import blob_ids_of
from service.database import Database
from service.defenses import idempotency, lifecycle, repeating, repository
from service.defenses.drafts import Draft
from service.defenses.idempotency import Claim
from service.defenses.report import Role
from service.defenses.schemas import ROLES, Defense, DefenseRequest, UploadReference
from service.defenses.states import Status
from service.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError
from service.ids import new_id
from service.records import DefenseRecord, InputRecord
from service.resources import Resources
from service.tracing import current_traceparent
from service.uploads import repository as uploads
from service.uploads.repository import Kept
from service.webhooks import secrets

_KEPT = {"description", "target_class", "attack_tests", "config", "evidence"}
"""What of a request the worker needs to be told."""


@dataclass(frozen=True)
class Created:
    """A defense; ``replayed`` when an earlier request with the same key has made it."""

    defense: Defense
    replayed: bool


def create(resources: Resources, tenant: str, draft: Draft, key: str | None) -> Created:
    """Commits a queued defense, or one that has succeeded already because it repeats another;
    waking a worker is the caller's business."""
    draft.check(resources.settings)
    if key is None:
        return Created(_create(resources, tenant, draft, None), replayed=False)
    claim = idempotency.claim(resources.database, tenant, key, draft.fingerprint())
    if isinstance(claim, str):
        return Created(get(resources, tenant, claim).as_created(), replayed=True)
    try:
        return Created(_create(resources, tenant, draft, claim), replayed=False)
    except BaseException:
        idempotency.free(resources.database, claim)
        raise


def _create(resources: Resources, tenant: str, draft: Draft, claim: Claim | None) -> Defense:
    """Where neither a key nor the tenant's limits change with it, one statement writes the defense.
    Nothing keeps its uploads until then, but a foreign key: without their bytes it is not written.
    """
    with _kept(resources, tenant, draft) as blob_ids:
        try:
            alone = claim is None and limits_of_caller() is None
            writing = resources.database.write_once if alone else resources.database.write
            with writing() as session:
                quotas.take_defense(session, tenant)
                quotas.require_room(session, tenant)
                kept = uploads.find_all(session, tenant, draft.uploads(), keep=not alone)
                record = _record(session, tenant, draft, kept, blob_ids)
                record.queue = draft.request.queue or resources.settings.queues[0]
                may_repeat = not draft.request.fresh and resources.settings.reuse_results
                earlier = lifecycle.insert(
                    session,
                    record,
                    woken=True,
                    entry=audit.entry(session, record.id, 202),
                    question=repeating.question(record) if may_repeat else None,
                )
                if claim is not None:
                    idempotency.settle(session, claim, record.id)
                made = Defense.of(record, _sizes(draft, kept))
            return made if earlier is None else _repeated(resources.database, made)
        except IntegrityError as error:  # with an upload, or what shared its bytes
            raise UnavailableError("an input was deleted meanwhile; send it again") from error


def _repeated(database: Database, made: Defense) -> Defense:
    """A queued defense, which succeeds if what it repeats is still there."""
    with database.write() as session:
        record = session.get_one(DefenseRecord, made.id)
        if not repeating.answer(session, record):
            return made
        session.expire(record)  # much has changed behind its back
        return Defense.of(record)


@contextmanager
def _kept(resources: Resources, tenant: str, draft: Draft) -> Iterator[dict[Role, str]]:
    """Stores the files of a draft; on an error, frees what was stored."""
    kept: dict[Role, str] = {}
    try:
        for role, sent in draft.files.items():
            kept[role] = resources.blobs.keep(
                sent.spooled.path, sent.spooled.sha256, tenant=tenant, move=True
            )
        yield kept
    except BaseException:
        resources.blobs.release(list(kept.values()))
        raise


def _sizes(draft: Draft, kept: Mapping[str, Kept]) -> dict[str, int]:
    """Bytes of the files, by role."""
    sizes: dict[str, int] = {role: sent.spooled.size for role, sent in draft.files.items()}
    for role in ROLES:
        reference = draft.request.reference(role)
        if isinstance(reference, UploadReference):
            sizes[role] = kept[reference.upload].size
    return sizes


def _record(
    session: Session,
    tenant: str,
    draft: Draft,
    kept: Mapping[str, Kept],
    blob_ids: Mapping[Role, str],
) -> DefenseRecord:
    request = draft.request
    named = [_named(kept, draft, role) for role in ROLES]
    sent = [
        InputRecord(
            role=role,
            blob_id=blob_ids[role],
            sha256=file.spooled.sha256,
            filename=file.filename,
        )
        for role, file in draft.files.items()
    ]
    return DefenseRecord(
        id=new_id("def"),
        tenant=tenant,
        name=request.name,
        priority=request.priority,
        request=request.model_dump(mode="json", include=_KEPT),
        **_webhook(session, tenant, request),
        **_origin(),
        inputs=[*filter(None, named), *sent],
        report=None,  # known, so that nobody asks the database
        model=None,
    )


def _origin() -> dict[str, Any]:
    act = acting.get()
    return {
        "request_id": act.request_id if act else None,
        "traceparent": current_traceparent(),
    }


def _webhook(session: Session, tenant: str, request: DefenseRequest) -> dict[str, Any]:
    if request.webhook is None:
        return {}
    if not secrets.current(session, tenant):
        raise InvalidRequestError(
            "webhook: there is no secret to sign with; make one with POST /v1/webhooks/secrets"
        )
    return {
        "webhook_url": request.webhook.url,
        "webhook_events": [str(kind) for kind in request.webhook.events],
    }


def _named(kept: Mapping[str, Kept], draft: Draft, role: Role) -> InputRecord | None:
    reference = draft.request.reference(role)
    if reference is None:
        return None
    if not isinstance(reference, UploadReference):
        return InputRecord(role=role, uri=reference.uri, sha256=reference.sha256)
    upload = kept.get(reference.upload)
    if upload is None:
        raise InvalidRequestError(f"{role}: there is no upload {reference.upload!r}")
    return InputRecord(
        role=role,
        blob_id=upload.blob_id,
        sha256=upload.sha256,
        filename=upload.filename,
    )


def get(resources: Resources, tenant: str, defense_id: str) -> Defense:
    """Raises NotFoundError."""
    with resources.database.read() as session:
        return Defense.of(repository.get(session, tenant, defense_id))


def cancel(resources: Resources, tenant: str, defense_id: str) -> Defense:
    """Asks it to stop; changes nothing when it has ended already. Raises NotFoundError."""
    with resources.database.write() as session:
        record = repository.get(session, tenant, defense_id, lock=True)
        lifecycle.request_cancel(session, record)
        audit.note(session, defense_id, 200)
        return Defense.of(record)


def forget(resources: Resources, tenant: str, defense_id: str) -> None:
    """Removes the defense, its events, inputs and report; a purified model stays.

    Raises NotFoundError, and ConflictError while it has not ended.
    """
    with resources.database.write() as session:
        record = repository.get(session, tenant, defense_id, lock=True)
        if not Status(record.status).is_terminal:
            raise ConflictError(f"this defense is {record.status}; cancel it first")
        blob_ids = blob_ids_of(session, defense_id)
        repository.delete(session, defense_id)
        audit.note(session, defense_id, 204)
    resources.blobs.release(blob_ids)


def report(resources: Resources, tenant: str, defense_id: str) -> bytes:
    """The report, as JSON. Raises NotFoundError when there is none, ConflictError when there is
    none yet, LostBlobError."""
    with resources.database.read() as session:
        record = repository.get(session, tenant, defense_id)
    if record.report is not None:
        return b"".join(resources.blobs.read(record.report))
    if not Status(record.status).is_terminal:
        raise ConflictError(f"this defense is {record.status}; its report comes when it succeeds")
    raise NotFoundError(f"this defense {record.status} without a report")
