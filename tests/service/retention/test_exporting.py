"""Everything of a tenant in one archive, nothing of anybody else, and no secret."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tracemalloc
from typing import Any

import pytest

from service.access.scopes import Scope
from service.errors import LostBlobError
from service.records import BlobRecord
from service.retention import owned
from service.retention.exporting import Export
from tests.service.access.conftest import MakeKey, with_key
from tests.service.access.conftest import make_key as make_key  # the fixture
from tests.service.conftest import Site
from tests.service.retention.conftest import ACME, OTHERS, Shelf

MIB = 1 << 20


def export(shelf: Shelf, tenant: str = ACME) -> Export:
    resources = shelf.resources
    return Export(resources.database, resources.blobs, shelf.folder / "spool", tenant)


def files_of(archive: bytes) -> dict[str, bytes]:
    """What an archive holds, its digests checked."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {member.name: _read(tar, member) for member in tar}
    sums = dict(line.split("  ")[::-1] for line in found.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    return found


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def rows(files: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files[f"rows/{table}.jsonl"].splitlines()]


def test_everything_is_in_it(shelf: Shelf) -> None:
    defense = shelf.defense(3, b"input")
    upload, model = shelf.upload(2, b"upload"), shelf.model(1, b"model", defense=defense)
    shelf.name("signs", model)
    shelf.delivery(defense, "delivered")
    shelf.upload(2, b"theirs", tenant=OTHERS)
    shelf.defense(2, b"theirs, too", tenant=OTHERS)
    archive = b"".join(export(shelf).chunks())
    files = files_of(archive)
    assert {row["id"] for row in rows(files, "uploads")} == {upload}
    assert {row["id"] for row in rows(files, "defenses")} == {defense}
    assert {row["id"] for row in rows(files, "models")} == {model}
    assert {row["id"] for row in rows(files, "tenants")} == {ACME}
    assert [row["name"] for row in rows(files, "names")] == ["signs"]
    assert [row["model_id"] for row in rows(files, "name_versions")] == [model]
    assert {row["defense_id"] for row in rows(files, "events")} == {defense}
    assert [row["role"] for row in rows(files, "defense_inputs")] == ["clean"]
    assert [row["state"] for row in rows(files, "webhook_deliveries")] == ["delivered"]
    contents = {content for name, content in files.items() if name.startswith("blobs/")}
    assert contents == {b"input", b"report of input", b"upload", b"model"}
    for name, content in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/{hashlib.sha256(content).hexdigest()}"
    assert b"theirs" not in archive
    assert list((shelf.folder / "spool").iterdir()) == []


def test_who_has_nothing_gets_an_archive(shelf: Shelf) -> None:
    files = files_of(b"".join(export(shelf).chunks()))
    assert not any(name.startswith("blobs/") for name in files)
    assert rows(files, "uploads") == []


def test_more_than_a_page_of_rows(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned, "BATCH", 3)
    defenses = {shelf.defense(day, bytes([day])) for day in range(1, 8)}
    files = files_of(b"".join(export(shelf).chunks()))
    assert {row["id"] for row in rows(files, "defenses")} == defenses
    events = rows(files, "events")
    assert len(events) == len({(row["defense_id"], row["sequence"]) for row in events}) == 14
    assert sum(name.startswith("blobs/") for name in files) == 14


def test_bytes_that_are_lost_are_told(shelf: Shelf) -> None:
    shelf.upload(1, b"lost")
    shelf.upload(1, b"kept")
    gone = next(found for found in shelf.resources.store.list() if found.size == 4)
    content = b"".join(shelf.resources.store.read(gone.key))
    shelf.resources.store.delete(gone.key)
    files = files_of(b"".join(export(shelf).chunks()))
    (told,) = (json.loads(line) for line in files["MISSING"].splitlines())
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert sum(name.startswith("blobs/") for name in files) == 1


def test_damaged_bytes_break_it_off(shelf: Shelf) -> None:
    shelf.upload(1, b"right")
    (key,) = (found.key for found in shelf.resources.store.list())
    path = shelf.folder / "wrong"
    path.write_bytes(b"wrong")
    shelf.resources.store.put(key, path)
    sent = bytearray()
    with pytest.raises(LostBlobError):
        take(export(shelf), sent)
    assert b"SHA256SUMS" not in sent


def take(archive: Export, sent: bytearray) -> None:
    """All that comes, as it comes."""
    for chunk in archive.chunks():
        sent += chunk


def test_a_large_file_takes_no_memory(shelf: Shelf) -> None:
    path = shelf.folder / "large"
    with path.open("wb") as file:
        for number in range(24):
            file.write(bytes([number]) * MIB)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    shelf.resources.blobs.keep(path, digest, tenant=ACME)
    tracemalloc.start()
    try:
        size = sum(map(len, export(shelf).chunks()))
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 24 * MIB
    assert most < 12 * MIB


def test_no_secret_is_in_it_and_the_call_is_noted(small_site: Site, make_key: MakeKey) -> None:
    key = make_key(Scope.ADMIN)
    with with_key(small_site, key) as admin:
        secret = admin.post("/v1/webhooks/secrets").json()["secret"]
        answer = admin.get("/v1/export")
        assert answer.headers["content-type"] == "application/x-tar"
        assert answer.headers["content-disposition"] == 'attachment; filename="ours.tar"'
        files = files_of(answer.content)
        (row,) = rows(files, "api_keys")
        assert row["name"] == "of a test"
        assert "secret_sha256" not in row
        assert "salt" not in rows(files, "webhook_secrets")[0]
        for hidden in (key, secret):
            assert hidden.encode() not in answer.content
        assert admin.get("/v1/audit").json()["data"][0]["operation"] == "export"


def test_every_table_is_somebodys() -> None:
    """One that is added belongs to tenants by its columns, or has to be thought about."""
    names = {table.name for table in owned.tables()}
    assert {"blobs", "uploads", "defenses", "events", "defense_inputs", "models"} <= names
    assert {"names", "name_versions", "idempotency_keys", "api_keys", "audit"} <= names
    assert owned.PROOFS.isdisjoint(names)
    order = [table.name for table in owned.tables()]
    assert order.index(BlobRecord.__tablename__) < order.index("uploads") < len(order)
