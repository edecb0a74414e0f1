"""Everything of a tenant is deleted, whatever dies meanwhile, and the proof of it stays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from sqlalchemy import func, select

from service.access import repository as tenants
from service.access.scopes import Scope
from service.app import build
from service.defenses import lifecycle
from service.defenses.states import Status
from service.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError
from service.records import (
    AuditRecord,
    BlobRecord,
    DefenseRecord,
    ErasedRecord,
    ErasureRecord,
    IdempotencyRecord,
    KeyRecord,
    MultipartRecord,
    UploadRecord,
)
from service.resources import Resources
from service.retention import certificates, copies, endpoints, leaving, owned
from service.retention.erasing import OPERATION, Eraser
from service.settings import Settings
from service.storage.base import StoredObject
from service.uploads.multipart.states import MultipartState
from tests.service.access.conftest import MakeKey, add_key, with_key
from tests.service.access.conftest import make_key as make_key  # the fixture
from tests.service.conftest import Site
from tests.service.retention.conftest import ACME, OTHERS, Shelf, moment
from tests.service.test_main import run as run  # the fixture
from tests.waiting import wait_until


def fill(shelf: Shelf, tenant: str = ACME, mark: bytes = b"") -> None:
    """One of everything."""
    defense = shelf.defense(3, mark + b"input", tenant=tenant)
    shelf.defense(3, mark + b"queued", Status.QUEUED, tenant=tenant)
    shelf.upload(2, mark + b"input", tenant=tenant)
    shelf.upload(2, mark + b"other", tenant=tenant)
    model = shelf.model(1, mark + b"model", tenant=tenant, defense=defense)
    shelf.name("signs", model, tenant)
    shelf.delivery(defense, "waiting", tenant)
    shelf.add(
        IdempotencyRecord(
            tenant=tenant, key="k", payload_sha256="0", defense_id=defense, created_at=moment(0)
        )
    )


def ask(shelf: Shelf, tenant: str = ACME, **more: Any) -> str:
    with shelf.resources.database.write() as session:
        return leaving.ask(session, tenant, confirm=tenant, **more).id


def eraser(shelf: Shelf, store: object = None) -> Eraser:
    return Eraser(shelf.resources.database, store or shelf.resources.store)  # type: ignore[arg-type]


def left(shelf: Shelf, tenant: str = ACME) -> dict[str, int]:
    """How many rows a tenant has, by table."""
    found = {}
    with shelf.resources.database.read() as session:
        for table in owned.tables():
            condition = owned.belongs(table, tenant)
            assert condition is not None
            query = select(func.count()).select_from(table).where(condition)
            found[table.name] = session.scalar(query) or 0
    return {name: count for name, count in found.items() if count}


def certificate(shelf: Shelf, erasure_id: str) -> tuple[bytes, list[dict[str, Any]]]:
    with shelf.resources.database.read() as session:
        record = session.get_one(ErasureRecord, erasure_id)
    text = b"".join(certificates.chunks(shelf.resources.database, record))
    assert record.sha256 == hashlib.sha256(text).hexdigest()
    return text, [json.loads(line) for line in text.splitlines()]


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


class StumblingStore:
    """Dies at the n-th call that would change something."""

    def __init__(self, store: Any, at: int) -> None:
        self._store = store
        self._left = at

    def delete(self, key: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise UnavailableError("gone")
        self._store.delete(key)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        found: Iterator[StoredObject] = self._store.list(prefix)
        return found


@pytest.mark.parametrize("deletions", range(5))
def test_who_dies_is_gone_on_for(shelf: Shelf, deletions: int) -> None:
    """Between a row's end and that of its bytes, at every blob."""
    fill(shelf)
    erasure = ask(shelf)
    with pytest.raises(UnavailableError):
        eraser(shelf, StumblingStore(shelf.resources.store, deletions)).advance(erasure)
    assert shelf.contents(), "something is left"
    assert eraser(shelf).advance(erasure)
    assert shelf.contents() == set()
    _text, (head, *lines) = certificate(shelf, erasure)
    assert head["deleted"] == len(lines)
    assert len({(line["kind"], line["id"]) for line in lines}) == len(lines), "nothing twice"
    assert sum(line["kind"] == "blobs" for line in lines) == 5


def test_every_transaction_may_be_the_last(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dies before each commit, one after the other, and comes through in the end."""
    fill(shelf)
    erasure = ask(shelf)
    database = shelf.resources.database
    write = database.write
    for allowed in range(100):
        calls = iter(range(allowed))

        def dying() -> Any:
            if next(calls, None) is None:  # noqa: B023 - called within this round only
                raise UnavailableError("gone")
            return write()

        monkeypatch.setattr(database, "write", dying)
        try:
            if eraser(shelf).advance(erasure):
                break
        except UnavailableError:
            continue
    monkeypatch.undo()
    assert left(shelf) == {"tenants": 1, "audit": 1}
    assert shelf.contents() == set()
    head, *lines = certificate(shelf, erasure)[1]
    assert head["deleted"] == len(lines) == len({(line["kind"], line["id"]) for line in lines})


def test_bytes_that_stay_keep_it_unfinished(shelf: Shelf) -> None:
    class Stubborn(StumblingStore):
        def delete(self, key: str) -> None:
            """Says yes and does nothing."""

    shelf.upload(1)
    erasure = ask(shelf)
    assert eraser(shelf, Stubborn(shelf.resources.store, 0)).advance(erasure) is False
    with shelf.resources.database.read() as session:
        assert session.scalar(select(ErasedRecord.stored).where(ErasedRecord.kind == "blobs"))
        assert session.get_one(ErasureRecord, erasure).finished_at is None
    assert eraser(shelf).advance(erasure)
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


def test_nobody_is_erased_by_mistake(shelf: Shelf) -> None:
    with shelf.resources.database.write() as session:
        for confirm in ("", OTHERS, ACME.upper()):
            with pytest.raises(InvalidRequestError):
                leaving.ask(session, ACME, confirm=confirm)
        with pytest.raises(NotFoundError):
            leaving.ask(session, "nobody", confirm="nobody")
        with pytest.raises(NotFoundError):
            leaving.get(session, OTHERS, "era_0")


def test_copies_of_what_is_gone_are_forgotten(shelf: Shelf) -> None:
    shelf.model(1, b"kept")
    kept, gone = (hashlib.sha256(each).hexdigest() for each in (b"kept", b"gone"))
    forgotten: list[str] = []
    database = shelf.resources.database
    assert copies.tidy(database, lambda: {kept, gone}, forgotten.append) == 1
    assert copies.tidy(database, set, forgotten.append) == 0
    assert forgotten == [gone]


# By HTTP, and at the host


def test_a_tenant_asks_and_reads_the_proof(small_site: Site, make_key: MakeKey) -> None:
    resources = small_site.resources
    with with_key(small_site, make_key(Scope.ADMIN)) as admin:
        admin.post("/v1/uploads", content=b"mine").raise_for_status()
        assert admin.post("/v1/erasures", json={"confirm": "theirs"}).status_code == 422
        asked = admin.post("/v1/erasures", json={"confirm": "ours"})
        assert asked.status_code == 202
        where = asked.headers["location"]
        assert where == f"/v1/erasures/{asked.json()['id']}"
        assert asked.json()["requested_by"] == admin.get("/v1/whoami").json()["key_id"]
        done = wait_until(lambda: finished(admin, where, resources))
        assert admin.get("/v1/erasures").json()["data"] == [done]
        proof = admin.get(f"{where}/certificate")
        assert proof.headers["content-type"] == certificates.MEDIA_TYPE
        assert hashlib.sha256(proof.content).hexdigest() == done["sha256"]
        assert len(proof.text.splitlines()) == done["deleted"] + 1
        assert admin.get("/v1/uploads").json()["data"] == []
        targets = [entry["target"] for entry in admin.get("/v1/audit").json()["data"]]
        assert f"{done['id']} sha256:{done['sha256']}" in targets


def finished(admin: httpx.Client, where: str, resources: Resources) -> dict[str, Any] | None:
    """Goes on with it, as the service does too."""
    Eraser(resources.database, resources.store).advance_all()
    found: dict[str, Any] = admin.get(where).json()
    return found if found["finished_at"] else None


def test_there_is_no_proof_before_the_end(shelf: Shelf) -> None:
    erasure = ask(shelf)
    with pytest.raises(ConflictError):
        endpoints.get_certificate(erasure, shelf.resources, ACME)


def test_the_operator_exports_and_erases(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run("migrate").exit_code == 0
    resources = build(Settings(data_dir=tmp_path / "data"))
    shelf = Shelf(resources, tmp_path)
    shelf.tenant(ACME)
    fill(shelf)
    assert run("tenants", "export", ACME, "--out", "all.tar").exit_code == 0
    assert b"SHA256SUMS" in (tmp_path / "all.tar").read_bytes()
    assert run("tenants", "export", "nobody", "--out", "no.tar").exit_code == 2
    assert run("tenants", "erase", ACME, "--confirm", "acme?").exit_code == 2
    assert left(shelf)["uploads"] == 2
    arguments = ("tenants", "erase", ACME, "--confirm", ACME, "--everything", "--out", "proof")
    done = run(*arguments)
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    proof = (tmp_path / "proof").read_bytes()
    assert told["sha256"] == hashlib.sha256(proof).hexdigest()
    assert left(shelf) == {"audit": 1}
    resources.database.dispose()
