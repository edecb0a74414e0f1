"""Pages by cursor: ``limit`` things after ``after``, and whether more follow."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=100, description="how many at most")]
After = Annotated[
    str | None, Query(max_length=64, description="the id of the last one of the page before")
]


class Page(BaseModel, Generic[T]):
    """One page; ask for the next one with ``after=`` the id of its last item."""

    data: list[T]
    has_more: Annotated[bool, Field(description="whether another page follows")]
