"""Handing out a model's file, and forgetting a model."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from itertools import chain

from service.access import audit
from service.blobs import Blobs
from service.database import Database
from service.defenses import service as defenses
from service.errors import ConflictError, NotFoundError
from service.models import repository, signing
from service.names import service as names
from service.records import BlobRecord, DefenseRecord, ModelRecord
from service.resources import Resources

LINK_SECONDS = 300


def filename(record: ModelRecord) -> str:
    return f"{record.id}.safetensors"


def link(blobs: Blobs, record: ModelRecord) -> str | None:
    """Where the file may be had without us, for five minutes; None where the store cannot say."""
    return blobs.presigned_url(record.blob, filename=filename(record), seconds=LINK_SECONDS)


def headers(record: ModelRecord) -> dict[str, str]:
    """What is said of the file beside its bytes; the digest as in RFC 9530."""
    digest = b64encode(bytes.fromhex(record.blob.sha256)).decode()
    return {
        "Content-Disposition": f'attachment; filename="{filename(record)}"',
        "Content-Length": str(record.blob.size),
        "ETag": etag(record),
        "Repr-Digest": f"sha-256=:{digest}:",
        "Cache-Control": "private, no-cache",
    }


def etag(record: ModelRecord) -> str:
    return f'"{record.blob.sha256}"'


def content(blobs: Blobs, blob: BlobRecord) -> Iterator[bytes]:
    """The blob's bytes. The last chunk is given only when the digest of all is right, so that a
    damaged file never looks complete.

    Raises LostBlobError: at once for a blob that is missing, or small and damaged; else at the end.
    """
    chunks = _last_when_verified(blobs.read(blob))
    return chain([next(chunks)], chunks)


def _last_when_verified(chunks: Iterator[bytes]) -> Iterator[bytes]:
    held = next(chunks, b"")
    for chunk in chunks:
        yield held
        held = chunk
    yield held


def report(resources: Resources, tenant: str, model_id: str) -> bytes:
    """The report of the defense that made the model, as JSON. Raises NotFoundError, also where
    that was forgotten; LostBlobError."""
    with resources.database.read() as session:
        defense_id = repository.get(session, tenant, model_id).defense_id
    if defense_id is None:
        raise NotFoundError("the defense that made this model was deleted, and its report with it")
    return defenses.report(resources, tenant, defense_id)


def signature(resources: Resources, tenant: str, model_id: str) -> bytes:
    """Over the model's file, and over the report as JSON as long as it is there. Raises
    NotFoundError, also where nothing is signed."""
    with resources.database.read() as session:
        record = repository.get(session, tenant, model_id)
        digests = {signing.MODEL_FILE: record.blob.sha256}
        if record.defense_id is not None:
            defense = session.get_one(DefenseRecord, record.defense_id)
            if defense.report is not None:
                digests[signing.REPORT_FILE] = defense.report.sha256
    key = resources.settings.signing_key
    if key is None:
        raise NotFoundError(
            "this service signs no models: its operator has not set POLARIZER_SIGNING_KEY"
        )
    return signing.signed(key, model_id, digests)


def set_alarm(database: Database, tenant: str, model_id: str, *, on: bool) -> ModelRecord:
    """Switches the model's alarm. Raises NotFoundError, ConflictError (it has none)."""
    with database.write() as session:
        record = repository.get(session, tenant, model_id, lock=True)
        if record.alarm is None:
            raise ConflictError(
                "this model has no alarm: none was calibrated when it was purified, because no"
                " clean image was held out"
            )
        record.alarm_on = on
        audit.note(session, model_id, 200)
    return record


def delete(database: Database, blobs: Blobs, tenant: str, model_id: str) -> list[str]:
    """Forgets the model, and its bytes unless somebody else refers to them; returns the digests of
    its file and of its alarm's.

    Raises NotFoundError, ConflictError (a name points at it).
    """
    with database.write() as session:
        record = repository.get(session, tenant, model_id, lock=True)
        names.require_unnamed(session, model_id)
        session.delete(record)
        audit.note(session, model_id, 204)
        files = [blob for blob in (record.blob, record.alarm_blob) if blob]
    blobs.release([blob.id for blob in files])
    return [blob.sha256 for blob in files]
