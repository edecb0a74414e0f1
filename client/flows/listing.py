"""Whole lists, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from client.call import Call
from client.flow import Flow, ask
from client.records import Page

T = TypeVar("T")

PAGE = 100


def everything(
    page: Callable[[int, str | None], Call[Page[T]]],
    cursor: Callable[[T], str],
    most: int | None,
) -> Flow[list[T]]:
    """All items, or the first ``most`` of them; ``cursor`` is what the next page comes after."""
    found: list[T] = []
    after: str | None = None
    while most is None or len(found) < most:
        limit = PAGE if most is None else min(PAGE, most - len(found))
        answer = yield from ask(page(limit, after))
        found += answer.data
        if not answer.has_more or not answer.data:
            break
        after = cursor(answer.data[-1])
    return found
