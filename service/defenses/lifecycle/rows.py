"""The rows of a new defense: itself, its inputs, its first event, its entry in the audit log.

Written past the session's unit of work, which takes longer to find out what is to be inserted than
it takes to insert it; on PostgreSQL in one statement, since there an exchange with the server costs
more than what is in it. What is to be asked in the same transaction is asked with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
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
_ID = "row0_id"


@dataclass(frozen=True)
class Question:
    """A query for one text, the same object each time, and its parameters. Their names must not be
    those of columns: the query becomes a part of an insert."""

    query: Select[str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Added:
    """``moment``: when that was, by the database's clock."""

    moment: datetime
    answer: str | None


@dataclass(frozen=True)
class _Form:
    """What a statement depends on but for its values: the tables, with the columns that are given,
    and the question. The defense is the first row: the others refer to it."""

    rows: tuple[tuple[Table, tuple[str, ...]], ...]
    woken: bool
    query: Select[str] | None


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
    found = [(_DEFENSES, _given(record, _DEFENSES))]
    for given in record.inputs:
        given.defense_id = record.id
        if given.blob is not None:
            given.blob_id = given.blob.id
        found.append((_INPUTS, _given(given, _INPUTS)))
    found.append((_EVENTS, _first_event(record)))
    if entry is not None:
        found.append((_ENTRIES, {name: entry[name] for name in entry if entry[name] is not None}))
    values = {_name(n, key): row[key] for n, (_, row) in enumerate(found) for key in row}
    query, asked = (question.query, question.parameters) if question else (None, {})
    form = _Form(tuple((table, tuple(row)) for table, row in found), woken, query)
    if session.get_bind().dialect.name == "postgresql":
        return Added(*session.execute(_together(form), {**values, **asked}).one())
    answer = None if query is None else session.scalar(query, dict(asked))
    moment = values[_MOMENT] = datetime.now(UTC)
    for statement in _statements(form, bindparam(_MOMENT, type_=UtcDateTime())):
        session.execute(statement, values)
    return Added(moment, answer)


@lru_cache(maxsize=256)
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
    """Columns that are NULL are left out: psycopg remembers how statements of up to 50 parameters
    are written, and reads others anew each time."""
    found = []
    for number, (table, columns) in enumerate(form.rows):
        values = {key: _parameter(number, key, table) for key in columns}
        if table is not _INPUTS and table is not _ENTRIES:
            values["created_at"] = moment
        if table is _DEFENSES and form.woken:
            values["enqueued_at"] = moment
        found.append(insert(table).values(values))
    return found


def _parameter(row: int, key: str, table: Table) -> ColumnElement[Any]:
    return bindparam(_name(row, key), type_=table.c[key].type)


def _name(row: int, key: str) -> str:
    return _ID if key == "defense_id" else f"row{row}_{key}"


def _given(record: DefenseRecord | InputRecord, table: Table) -> dict[str, Any]:
    known, values = vars(record), {}
    for key, default in _defaults(table):
        value = known.get(key)
        if value is None:
            value = known[key] = default
        if value is not None:
            values[key] = value
    return values


@cache
def _defaults(table: Table) -> list[tuple[str, Any]]:
    return [(column.key, getattr(column.default, "arg", None)) for column in table.columns]


def _first_event(record: DefenseRecord) -> dict[str, Any]:
    return {
        "defense_id": record.id,
        "sequence": 1,
        "attempt": record.attempt,
        "type": "status",
        "data": {"status": Status.QUEUED},
    }
