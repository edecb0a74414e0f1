"""Pointing names at models. A name keeps every version; one of them answers.

Locks are taken name first, model second, so that a model that is being deleted and a name that is
being pointed at it do not pass each other unseen.
"""

from __future__ import annotations

import re

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.access import audit
from service.database import Database, now
from service.errors import ConflictError, InvalidRequestError
from service.models import repository as models
from service.names import repository
from service.names.schemas import Name
from service.records import NameRecord

LENGTH = 64
PATTERN = re.compile(r"(?!mdl_)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def require_name(name: str) -> None:
    """Raises InvalidRequestError for what cannot be a name."""
    if PATTERN.fullmatch(name) is None:
        raise InvalidRequestError(
            f"{name!r:.80} is no name: take 1 to {LENGTH} letters, digits, '.', '_' and '-', a"
            " letter or digit first, and not 'mdl_', with which the ids of models begin"
        )


def point(database: Database, tenant: str, name: str, model_id: str) -> tuple[Name, bool]:
    """Makes a model the next version of a name, unless it is the current one already; whether the
    name is new. Raises InvalidRequestError, NotFoundError (no such model)."""
    require_name(name)
    try:
        with database.write() as session:
            return _point(session, tenant, name, model_id)
    except IntegrityError:  # another request made the same name meanwhile: now it is there
        with database.write() as session:
            return _point(session, tenant, name, model_id)


def _point(session: Session, tenant: str, name: str, model_id: str) -> tuple[Name, bool]:
    record = session.get(NameRecord, (tenant, name), with_for_update=True)
    new = record is None
    record = record or repository.add(session, tenant, name)
    models.get(session, tenant, model_id, lock=True)
    if new or repository.version(session, record, record.version).model_id != model_id:
        repository.add_version(session, record, model_id)
    audit.note(session, name, 201 if new else 200)
    return Name.of(session, record), new


def roll_back(database: Database, tenant: str, name: str, number: int | None) -> Name:
    """Lets an earlier version answer again: the one that is asked for, else the latest one before
    the current one whose model still exists. Raises NotFoundError, ConflictError."""
    with database.write() as session:
        record = repository.get(session, tenant, name, lock=True)
        if number is None:
            wanted = repository.previous(session, record)
            if wanted is None:
                raise ConflictError(f"the name {name!r} has no earlier version to go back to")
        else:
            wanted = repository.version(session, record, number)
        if wanted.model_id is None:
            raise ConflictError(
                f"version {number} of the name {name!r} cannot answer: its model was deleted"
            )
        models.get(session, tenant, wanted.model_id, lock=True)
        if record.version != wanted.version:
            record.version, record.updated_at = wanted.version, now(session)
            session.flush()
        audit.note(session, name, 200)
        return Name.of(session, record)


def remove(database: Database, tenant: str, name: str) -> None:
    """Forgets a name and its history; the models stay. Raises NotFoundError."""
    with database.write() as session:
        repository.remove(session, tenant, name)
        audit.note(session, name, 204)


def require_unnamed(session: Session, model_id: str) -> None:
    """Raises ConflictError while a name's current version is this model."""
    names = repository.pointing_at(session, model_id)
    if names:
        told = ", ".join(map(repr, names[:5])) + (", …" if len(names) > 5 else "")
        raise ConflictError(
            f"the model answers for {told}: point the name elsewhere, or delete it, first"
        )
