"""One of everything to be erased, erasures of it, and what is left after them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import func, select

from service.defenses.states import Status
from service.records import (
    ErasureRecord,
    IdempotencyRecord,
)
from service.retention import certificates, leaving, owned
from service.retention.erasing import Eraser
from tests.service.retention.conftest import ACME, Shelf, moment


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
