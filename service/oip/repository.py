"""SQL of the repository index: what can be asked, by which name and version."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import Database
from service.names.directory import ONLY_VERSION, Target
from service.oip.schemas import Indexed
from service.records import ModelRecord, NameVersionRecord


def index(session: Session, tenant: str) -> list[Indexed]:
    """Names with those versions whose models exist, then models by their ids."""
    query = (
        select(NameVersionRecord.name, NameVersionRecord.version)
        .where(NameVersionRecord.tenant == tenant, NameVersionRecord.model_id.is_not(None))
        .order_by(NameVersionRecord.name, NameVersionRecord.version)
    )
    named = [Indexed(name=name, version=str(version)) for name, version in session.execute(query)]
    ids = select(ModelRecord.id).where(ModelRecord.tenant == tenant).order_by(ModelRecord.id)
    return named + [Indexed(name=model_id) for model_id in session.scalars(ids)]


def versions_of(database: Database, tenant: str, target: Target) -> list[str]:
    """The versions of a name that can be asked, in their order."""
    if target.name == target.model.id:
        return [ONLY_VERSION]
    query = (
        select(NameVersionRecord.version)
        .where(
            NameVersionRecord.tenant == tenant,
            NameVersionRecord.name == target.name,
            NameVersionRecord.model_id.is_not(None),
        )
        .order_by(NameVersionRecord.version)
    )
    with database.read() as session:
        return [str(version) for version in session.scalars(query)]
