"""Everything of a tenant is deleted, and the proof of it stays."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select

from service.access import repository as tenants
from service.access.scopes import Scope
from service.defenses import lifecycle
from service.defenses.states import Status
from service.errors import NotFoundError
from service.records import (
    AuditRecord,
    BlobRecord,
    DefenseRecord,
    ErasureRecord,
    KeyRecord,
    MultipartRecord,
    UploadRecord,
)
from service.retention import copies
from service.retention.erasing import OPERATION
from service.uploads.multipart.states import MultipartState
from tests.service.access.conftest import add_key
from tests.service.retention.conftest import ACME, OTHERS, Shelf, moment
from tests.service.retention.erasures import ask, certificate, eraser, fill, left


def test_nothing_is_left_and_it_is_proved(shelf: Shelf) -> None:
    fill(shelf)
    fill(shelf, OTHERS, b"their ")
    before = left(shelf, OTHERS)
    contents = {b"input", b"report of input", b"queued", b"other", b"model"}
    assert contents < shelf.contents()
    erasure = ask(shelf)
    assert eraser(shelf).advance(erasure) is True
    assert left(shelf) == {"tenants": 1, "audit": 1}, "whose it was, and that it is gone"
    assert shelf.contents() == {b"their " + each for each in contents} - {
        b"their report of input"
    } | {b"report of their input"}
    assert left(shelf, OTHERS) == before
    _text, (head, *lines) = certificate(shelf, erasure)
    assert (head["erasure"], head["tenant"], head["left"]) == (erasure, ACME, 0)
    assert head["deleted"] == len(lines)
    digests = {line["sha256"] for line in lines if line["kind"] == "blobs"}
    assert digests == {hashlib.sha256(each).hexdigest() for each in contents}
    kinds = {line["kind"] for line in lines}
    assert {"uploads", "defenses", "models", "names", "webhook_deliveries"} < kinds
    with shelf.resources.database.read() as session:
        (noted,) = session.scalars(select(AuditRecord).where(AuditRecord.tenant == ACME)).all()
        record = session.get_one(ErasureRecord, erasure)
    assert noted.operation == OPERATION
    assert noted.target == f"{erasure} sha256:{record.sha256}"


def test_once_is_enough(shelf: Shelf) -> None:
    fill(shelf)
    erasure = ask(shelf)
    assert ask(shelf) == erasure, "the one that is not finished"
    assert eraser(shelf).advance(erasure)
    text, _ = certificate(shelf, erasure)
    shelf.upload(0, b"later")
    assert eraser(shelf).advance(erasure), "it is over"
    assert shelf.contents() == {b"later"}
    assert certificate(shelf, erasure)[0] == text
    assert ask(shelf) != erasure


def test_everything_takes_keys_and_the_tenant_too(shelf: Shelf) -> None:
    fill(shelf)
    add_key(shelf.resources.database, ACME, Scope.ADMIN)
    shelf.add(AuditRecord(id="aud_x", tenant=ACME, operation="x", status=1, created_at=moment(0)))
    erasure = ask(shelf, everything=True)
    assert eraser(shelf).advance(erasure)
    assert left(shelf) == {"audit": 1}
    assert shelf.contents() == set()
    with shelf.resources.database.read() as session, pytest.raises(NotFoundError):
        tenants.get_tenant(session, ACME)


def test_the_tenant_of_those_without_a_key_stays(shelf: Shelf) -> None:
    shelf.upload(1, tenant="default")
    assert eraser(shelf).advance(ask(shelf, "default", everything=True))
    assert left(shelf, "default") == {"tenants": 1, "audit": 1}


def test_keys_stay_otherwise(shelf: Shelf) -> None:
    add_key(shelf.resources.database, ACME, Scope.ADMIN)
    assert eraser(shelf).advance(ask(shelf))
    assert shelf.ids(KeyRecord)


def test_what_runs_is_cancelled_and_waited_for(shelf: Shelf) -> None:
    defense = shelf.defense(0, b"runs", Status.QUEUED)
    database = shelf.resources.database
    with database.write() as session:
        lease = lifecycle.claim(session, defense, worker="w", seconds=60)
    assert lease is not None
    erasure = ask(shelf)
    assert eraser(shelf).advance(erasure) is False
    with database.read() as session:
        assert session.get_one(DefenseRecord, defense).status == Status.CANCELLING
    assert b"runs" in shelf.contents(), "its worker may still read it"
    with database.write() as session:
        lifecycle.confirm_cancel(session, lease)
    eraser(shelf).advance_all()
    assert left(shelf) == {"tenants": 1, "audit": 1}
    assert shelf.contents() == set()


def test_a_blob_of_before_there_were_tenants_goes_to_who_needs_it(shelf: Shelf) -> None:
    upload = shelf.upload(1, b"old", tenant=ACME)
    with shelf.resources.database.write() as session:
        session.get_one(UploadRecord, upload).tenant = OTHERS
    assert eraser(shelf).advance(ask(shelf))
    assert shelf.contents() == {b"old"}
    with shelf.resources.database.read() as session:
        assert session.scalars(select(BlobRecord.tenant)).all() == [OTHERS]


def test_parts_of_an_upload_under_way_go_too(shelf: Shelf) -> None:
    store, database = shelf.resources.store, shelf.resources.database
    with database.write() as session:
        blob = shelf.resources.blobs.expect(session, 64 * "0", 8, tenant=ACME)
        handle = store.parts.begin(blob.key)
        session.add(
            MultipartRecord(
                id="mpu_x",
                tenant=ACME,
                state=MultipartState.OPEN,
                sha256=64 * "0",
                size=8,
                part_size=4,
                handle=handle,
                blob_id=blob.id,
                created_at=moment(0),
                expires_at=moment(-1),
            )
        )
    assert eraser(shelf).advance(ask(shelf))
    assert left(shelf) == {"tenants": 1, "audit": 1}
    assert store.parts.abandon(blob.key, handle) is False, "nothing was left to be removed"


def test_copies_of_what_is_gone_are_forgotten(shelf: Shelf) -> None:
    shelf.model(1, b"kept")
    kept, gone = (hashlib.sha256(each).hexdigest() for each in (b"kept", b"gone"))
    forgotten: list[str] = []
    database = shelf.resources.database
    assert copies.tidy(database, lambda: {kept, gone}, forgotten.append) == 1
    assert copies.tidy(database, set, forgotten.append) == 0
    assert forgotten == [gone]
