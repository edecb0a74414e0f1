"""The database's clock as a part of a statement, so that nobody asks for it first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, func, literal, type_coerce
from sqlalchemy.orm import Session

from service.records import UtcDateTime

_NOW = timedelta()


def clock(session: Session, later: timedelta = _NOW) -> ColumnElement[datetime]:
    """What :func:`service.database.now` tells, so much later: to be written or returned."""
    if session.get_bind().dialect.name == "postgresql":
        moment: ColumnElement[datetime] = func.clock_timestamp()
        return type_coerce(moment + later if later else moment, UtcDateTime)
    return literal(datetime.now(UTC) + later, UtcDateTime)
