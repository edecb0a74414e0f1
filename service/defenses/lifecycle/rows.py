"""The rows of a new defense: itself, its inputs, its first event, its entry in the audit log.

Written past the session's unit of work, which takes longer to find out what is to be inserted than
it takes to insert it; on PostgreSQL in one statement, since there an exchange with the server costs
more than what is in it. What is to be asked in the same transaction is asked with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Insert,
    Select,
    Table,
    bindparam,
    func,
    insert,
    null,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from service.defenses.states import Status
from service.records import (
    AuditRecord,
    DefenseRecord,
    EventRecord,
    InputRecord,
    UtcDateTime,
    table_of,
)

_DEFENSES = table_of(DefenseRecord)
_INPUTS = table_of(InputRecord)
_EVENTS = table_of(EventRecord)
_ENTRIES = table_of(AuditRecord)
_MOMENT = "moment"


@dataclass(frozen=True)
class Question:
    """A query for one text, and its parameters; the same object for the same query."""

    query: Select[tuple[str]]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Added:
    """``moment``: when that was, by the database's clock."""

    moment: datetime
    answer: str | None


@dataclass(frozen=True)
class _Form:
    """What a statement depends on but for its values."""

    inputs: int
    woken: bool
    entry: bool
    query: Select[tuple[str]] | None


def insert_all(
    session: Session,
    record: DefenseRecord,
    *,
    woken: bool,
    entry: Mapping[str, Any] | None,
    question: Question | None,
) -> Added:
    """Columns that nobody has set get their defaults, in the record too. ``entry`` is a row of the
    audit log. What is asked does not see the new rows."""
    values = _values("defense", record, _DEFENSES) | _first_event(record)
    for number, given in enumerate(record.inputs):
        given.defense_id = record.id
        if given.blob is not None:
            given.blob_id = given.blob.id
        values |= _values(f"input{number}", given, _INPUTS)
    values |= {f"entry__{name}": value for name, value in (entry or {}).items()}
    query = None if question is None else question.query
    form = _Form(len(record.inputs), woken, entry is not None, query)
    asked = {} if question is None else question.parameters
    if session.get_bind().dialect.name == "postgresql":
        return Added(*session.execute(_together(form), {**values, **asked}).one())
    answer = None if query is None else session.scalar(query, dict(asked))
    moment = values[_MOMENT] = datetime.now(UTC)
    for statement in _statements(form, bindparam(_MOMENT, type_=UtcDateTime())):
        session.execute(statement, values)
    return Added(moment, answer)


@cache
def _together(form: _Form) -> ReturningInsert[Any]:
    """All of it in one statement; returns the moment, and the answer."""
    moment = type_coerce(func.clock_timestamp(), UtcDateTime)
    first, *others = _statements(form, moment)
    parts = (statement.cte(f"part{number}") for number, statement in enumerate(others))
    answer: ColumnElement[Any] = null()
    if form.query is not None:
        answer = select(form.query.cte("asked")).scalar_subquery()
    return first.returning(_DEFENSES.c.created_at, answer).add_cte(*parts)


def _statements(form: _Form, moment: ColumnElement[datetime]) -> list[Insert]:
    """The defense first, since the others refer to it."""
    times = {"created_at": moment, "enqueued_at": moment}
    if not form.woken:
        del times["enqueued_at"]
    found = [
        insert(_DEFENSES).values(_named("defense", _DEFENSES) | times),
        *(insert(_INPUTS).values(_named(f"input{n}", _INPUTS)) for n in range(form.inputs)),
        insert(_EVENTS).values(_named("event", _EVENTS) | {"created_at": moment}),
    ]
    return [*found, insert(_ENTRIES).values(_named("entry", _ENTRIES))] if form.entry else found


def _named(prefix: str, table: Table) -> dict[str, ColumnElement[Any]]:
    """A parameter for each column."""
    return {
        column.key: bindparam(
            f"{prefix}__{column.key}",
            type_=JSON(none_as_null=True) if isinstance(column.type, JSON) else column.type,
        )
        for column in table.columns
    }


def _values(prefix: str, record: DefenseRecord | InputRecord, table: Table) -> dict[str, Any]:
    known, values = vars(record), {}
    for column in table.columns:
        value = known.get(column.key)
        if value is None:
            value = getattr(column.default, "arg", None)
            setattr(record, column.key, value)
        values[f"{prefix}__{column.key}"] = value
    return values


def _first_event(record: DefenseRecord) -> dict[str, Any]:
    event = {
        "defense_id": record.id,
        "sequence": 1,
        "attempt": record.attempt,
        "type": "status",
        "data": {"status": Status.QUEUED},
    }
    return {f"event__{name}": value for name, value in event.items()}
