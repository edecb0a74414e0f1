"""What belongs to a tenant: read off the tables, so that a table that is added is not forgotten.

A row is a tenant's if it has the tenant's name, or refers to a row that is. What an erasure leaves
as its proof is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, select, tuple_
from sqlalchemy.orm import Session

from service.records import ErasedRecord, ErasureRecord, Record, TenantRecord

PROOFS = frozenset({ErasureRecord.__tablename__, ErasedRecord.__tablename__})
SECRET = frozenset({"secret_sha256", "salt"})
"""Columns that nobody is shown, their owner neither."""
BATCH = 500


def tables() -> list[Table]:
    """Those whose rows belong to tenants, what is referred to first."""
    return [
        table
        for table in Record.metadata.sorted_tables
        if table.name not in PROOFS and belongs(table, "") is not None
    ]


def belongs(table: Table, tenant: str) -> ColumnElement[bool] | None:
    """The condition on a tenant's rows of a table; None: rows of this table are nobody's."""
    if table.name == TenantRecord.__tablename__:
        return table.c.id == tenant
    if "tenant" in table.c:
        return table.c.tenant == tenant
    for key in sorted(table.foreign_keys, key=lambda key: key.parent.name):
        of_parent = belongs(key.column.table, tenant)
        if of_parent is not None:
            return key.parent.in_(select(key.column).where(of_parent))
    return None


def names_its_tenant(table: Table) -> bool:
    """Whether its rows are a tenant's own, and not a part of others, with which they go."""
    return "tenant" in table.c or table.name == TenantRecord.__tablename__


def rows(
    session: Session, table: Table, tenant: str, after: Sequence[Any] | None
) -> Sequence[Row[Any]]:
    """A tenant's next rows, by primary key."""
    key = list(table.primary_key.columns)
    condition = belongs(table, tenant)
    assert condition is not None  # noqa: S101 - of ``tables``
    query = select(table).where(condition)
    if after is not None:
        query = query.where(_beyond(key, after))
    return session.execute(query.order_by(*key).limit(BATCH)).all()


def key_of(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    """The row's primary key."""
    return tuple(row._mapping[column] for column in table.primary_key.columns)


def shown(table: Table, row: Row[Any]) -> Iterator[tuple[str, Any]]:
    """Columns and values, but for secrets."""
    for column in table.columns:
        if column.name not in SECRET:
            yield column.name, row._mapping[column]


def _beyond(key: Sequence[ColumnElement[Any]], after: Sequence[Any]) -> ColumnElement[bool]:
    if len(key) == 1:
        return and_(key[0] > after[0])
    return tuple_(*key) > tuple_(*after)
