"""The directory knows what was committed, at most a moment ago."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database import Database
from service.errors import NotFoundError
from service.names import service
from service.names.directory import MOST, Directory
from tests.service.names.conftest import add_model


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    yield database
    database.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(database: Database, clock: Clock) -> Directory:
    return Directory(database, seconds=1.0, clock=clock)


def found(directory: Directory, name: str, version: str | None = None) -> tuple[str, str]:
    target = asyncio.run(directory.find("default", name, version))
    return target.model.id, target.version


def test_names_versions_and_ids_lead_to_models(database: Database, directory: Directory) -> None:
    one, two = add_model(database), add_model(database)
    service.point(database, "default", "n", one)
    service.point(database, "default", "n", two)
    assert found(directory, "n") == (two, "2")
    assert found(directory, "n", "1") == (one, "1")
    assert found(directory, one) == found(directory, one, "1") == (one, "1")
    for name, version in [
        *(("n", "3"), ("n", "0"), ("n", "01"), ("n", "x"), ("n", "9" * 40), ("m", None)),
        *((one, "2"), ("mdl_none", None)),
    ]:
        with pytest.raises(NotFoundError):
            found(directory, name, version)


def test_a_move_of_another_process_is_seen_after_a_moment(
    database: Database, directory: Directory, clock: Clock
) -> None:
    one, two = add_model(database), add_model(database)
    service.point(database, "default", "n", one)
    assert found(directory, "n") == (one, "1")
    service.point(database, "default", "n", two)
    assert found(directory, "n") == (one, "1")
    clock.now += 1.01
    assert found(directory, "n") == (two, "2")


def test_a_move_of_this_process_is_seen_at_once(database: Database, directory: Directory) -> None:
    one, two = add_model(database), add_model(database)
    service.point(database, "default", "n", one)
    assert found(directory, "n") == (one, "1")
    service.point(database, "default", "n", two)
    directory.forget()
    assert found(directory, "n") == (two, "2")


def test_what_was_looked_up_before_a_move_is_not_remembered_after_it(
    database: Database, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = add_model(database), add_model(database)
    service.point(database, "default", "n", one)
    look_up = directory._look_up

    def slowly(*key: str) -> object:
        target = look_up(*key)
        service.point(database, "default", "n", two)
        directory.forget()
        return target

    with monkeypatch.context() as patch:
        patch.setattr(directory, "_look_up", slowly)
        assert found(directory, "n") == (one, "1")
    assert found(directory, "n") == (two, "2")


def test_what_is_missing_is_not_remembered(database: Database, directory: Directory) -> None:
    with pytest.raises(NotFoundError):
        found(directory, "n")
    service.point(database, "default", "n", add_model(database))
    assert found(directory, "n")[1] == "1"


def test_memory_is_bounded(directory: Directory, database: Database) -> None:
    model_id = add_model(database)
    directory._known = {("t", str(number), None): (0.0, None) for number in range(MOST)}  # type: ignore[misc]
    assert found(directory, model_id) == (model_id, "1")
    assert len(directory._known) == 1
