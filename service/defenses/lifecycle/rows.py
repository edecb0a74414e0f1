"""The rows of a new defense: itself, its inputs, its first event.

Written past the session's unit of work, which takes longer to find out what is to be inserted than
it takes to insert it; on PostgreSQL in one statement, since there an exchange with the server costs
more than what is in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Insert,
    Table,
    bindparam,
    func,
    insert,
    type_coerce,
)
from sqlalchemy.orm import Session

from service.defenses.states import Status
from service.records import DefenseRecord, EventRecord, InputRecord, UtcDateTime, table_of

_DEFENSES = table_of(DefenseRecord)
_INPUTS = table_of(InputRecord)
_EVENTS = table_of(EventRecord)
_MOMENT = "moment"


def insert_all(session: Session, record: DefenseRecord, *, woken: bool) -> datetime:
    """When that was, by the database's clock. Columns that nobody has set get their defaults, in
    the record too."""
    values = _values("defense", record, _DEFENSES) | _first_event(record)
    for number, given in enumerate(record.inputs):
        given.defense_id = record.id
        if given.blob is not None:
            given.blob_id = given.blob.id
        values |= _values(f"input{number}", given, _INPUTS)
    count = len(record.inputs)
    if session.get_bind().dialect.name == "postgresql":
        moment: datetime = session.execute(_together(count, woken), values).scalar_one()
        return moment
    values[_MOMENT] = moment = datetime.now(UTC)
    for query in _statements(count, woken, bindparam(_MOMENT, type_=UtcDateTime())):
        session.execute(query, values)
    return moment


@cache
def _together(inputs: int, woken: bool) -> Insert:
    """All of it in one statement; returns the moment."""
    moment = type_coerce(func.clock_timestamp(), UtcDateTime)
    first, *others = _statements(inputs, woken, moment)
    parts = (query.cte(f"part{number}") for number, query in enumerate(others))
    return first.returning(_DEFENSES.c.created_at).add_cte(*parts)


def _statements(inputs: int, woken: bool, moment: ColumnElement[datetime]) -> list[Insert]:
    """The defense first, since the others refer to it."""
    times = {"created_at": moment, "enqueued_at": moment} if woken else {"created_at": moment}
    return [
        insert(_DEFENSES).values(_named("defense", _DEFENSES) | times),
        *(insert(_INPUTS).values(_named(f"input{number}", _INPUTS)) for number in range(inputs)),
        insert(_EVENTS).values(_named("event", _EVENTS) | {"created_at": moment}),
    ]


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
