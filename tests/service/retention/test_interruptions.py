"""Whatever dies during an erasure, the next one goes on with it and comes to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from service.errors import UnavailableError
from service.records import (
    ErasedRecord,
    ErasureRecord,
)
from service.storage.base import StoredObject
from tests.service.retention.conftest import Shelf
from tests.service.retention.erasures import ask, certificate, eraser, fill, left


class StumblingStore:
    """Dies at the n-th call that would change something."""

    def __init__(self, store: Any, at: int) -> None:
        self._store = store
        self._left = at

    def delete(self, key: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise UnavailableError("gone")
        self._store.delete(key)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        found: Iterator[StoredObject] = self._store.list(prefix)
        return found


@pytest.mark.parametrize("deletions", range(5))
def test_who_dies_is_gone_on_for(shelf: Shelf, deletions: int) -> None:
    """Between a row's end and that of its bytes, at every blob."""
    fill(shelf)
    erasure = ask(shelf)
    with pytest.raises(UnavailableError):
        eraser(shelf, StumblingStore(shelf.resources.store, deletions)).advance(erasure)
    assert shelf.contents(), "something is left"
    assert eraser(shelf).advance(erasure)
    assert shelf.contents() == set()
    _text, (head, *lines) = certificate(shelf, erasure)
    assert head["deleted"] == len(lines)
    assert len({(line["kind"], line["id"]) for line in lines}) == len(lines), "nothing twice"
    assert sum(line["kind"] == "blobs" for line in lines) == 5


def test_every_transaction_may_be_the_last(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dies before each commit, one after the other, and comes through in the end."""
    fill(shelf)
    erasure = ask(shelf)
    database = shelf.resources.database
    write = database.write
    for allowed in range(100):
        calls = iter(range(allowed))

        def dying() -> Any:
            if next(calls, None) is None:  # noqa: B023 - called within this round only
                raise UnavailableError("gone")
            return write()

        monkeypatch.setattr(database, "write", dying)
        try:
            if eraser(shelf).advance(erasure):
                break
        except UnavailableError:
            continue
    monkeypatch.undo()
    assert left(shelf) == {"tenants": 1, "audit": 1}
    assert shelf.contents() == set()
    head, *lines = certificate(shelf, erasure)[1]
    assert head["deleted"] == len(lines) == len({(line["kind"], line["id"]) for line in lines})


def test_bytes_that_stay_keep_it_unfinished(shelf: Shelf) -> None:
    class Stubborn(StumblingStore):
        def delete(self, key: str) -> None:
            """Says yes and does nothing."""

    shelf.upload(1)
    erasure = ask(shelf)
    assert eraser(shelf, Stubborn(shelf.resources.store, 0)).advance(erasure) is False
    with shelf.resources.database.read() as session:
        assert session.scalar(select(ErasedRecord.stored).where(ErasedRecord.kind == "blobs"))
        assert session.get_one(ErasureRecord, erasure).finished_at is None
    assert eraser(shelf).advance(erasure)
    assert shelf.contents() == set()
