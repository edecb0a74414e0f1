"""Names keep every version, one of which answers, whatever is done to them at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.database import Database
from service.errors import ConflictError, InvalidRequestError, NotFoundError
from service.models import repository as models
from service.names import repository, service
from tests.service.names.conftest import AddModel, add_model


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A database for properties that need one only."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('names') / 'test.db'}")
    database.migrate()
    return database


@pytest.fixture(scope="module")
def three(alone: Database) -> list[str]:
    return [add_model(alone) for _ in range(3)]


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("point"), st.integers(0, 2)),
        st.tuples(st.just("back"), st.one_of(st.none(), st.integers(1, 6))),
    ),
    max_size=12,
)


@given(_steps)
def test_names_follow_a_simple_rule(
    alone: Database, three: list[str], steps: list[tuple[str, int | None]]
) -> None:
    """A list of models, and a place in it."""
    with suppress(NotFoundError):
        service.remove(alone, "default", "n")
    first, _ = service.point(alone, "default", "n", three[0])
    history, current = [three[0]], 1
    assert (first.version, first.model_id) == (1, three[0])
    for step, number in steps:
        if step == "point":
            found, _ = service.point(alone, "default", "n", three[number or 0])
            if history[current - 1] != three[number or 0]:
                history.append(three[number or 0])
                current = len(history)
        else:
            wanted = current - 1 if number is None else number
            if not 1 <= wanted <= len(history):
                with pytest.raises((ConflictError, NotFoundError)):
                    service.roll_back(alone, "default", "n", number)
                continue
            found, current = service.roll_back(alone, "default", "n", number), wanted
        assert (found.version, found.model_id) == (current, history[current - 1])
        assert [version.model_id for version in reversed(found.versions)] == history
        assert [version.version for version in found.versions] == list(range(len(history), 0, -1))


@pytest.mark.parametrize(
    "name", ["", "mdl_1", "-a", ".a", "_a", "a/b", "a b", "ä", "a" * 65, "a\n", "a\0"]
)
def test_what_is_no_name_is_refused(alone: Database, three: list[str], name: str) -> None:
    with pytest.raises(InvalidRequestError, match="letters, digits"):
        service.point(alone, "default", name, three[0])


@pytest.mark.parametrize("name", ["a", "7", "Street-Signs_v2.1", "a" * 64, "mdl", "latest"])
def test_what_is_a_name_is_taken(alone: Database, three: list[str], name: str) -> None:
    assert service.point(alone, "default", name, three[0])[0].name == name


def test_names_are_those_of_a_tenant(alone: Database, three: list[str]) -> None:
    service.point(alone, "default", "mine", three[0])
    with alone.read() as session, pytest.raises(NotFoundError):
        repository.get(session, "other", "mine")
    with pytest.raises(NotFoundError):
        service.point(alone, "other", "yours", three[0])
    with alone.read() as session, pytest.raises(NotFoundError):
        repository.get(session, "other", "yours")


def test_everybody_who_points_at_once_makes_a_version(
    database: Database, make_model: AddModel
) -> None:
    ids = [make_model() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda one: service.point(database, "default", "n", one), ids))
    assert sorted(name.version for name, _ in made) == list(range(1, 9))
    assert sum(new for _, new in made) == 1
    with database.read() as session:
        record = repository.get(session, "default", "n")
        assert (record.version, record.latest) == (8, 8)
        history = repository.history(session, record, limit=100)
        assert {version.model_id for version in history} == set(ids)


def test_no_name_is_left_without_its_model(database: Database, make_model: AddModel) -> None:
    """Models are deleted while names are pointed at them: one of the two is refused."""
    ids = [make_model() for _ in range(12)]

    def delete(model_id: str) -> bool:
        try:
            with database.write() as session:
                record = models.get(session, "default", model_id, lock=True)
                service.require_unnamed(session, model_id)
                session.delete(record)
        except ConflictError:
            return False
        return True

    def point(model_id: str) -> bool:
        try:
            service.point(database, "default", f"name-{model_id[-6:]}", model_id)
        except NotFoundError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        pointed = [pool.submit(point, model_id) for model_id in ids]
        deleted = [pool.submit(delete, model_id) for model_id in ids]
    for one, other in zip(pointed, deleted, strict=True):
        assert one.result() != other.result()


def test_a_version_outlives_its_model(database: Database, make_model: AddModel) -> None:
    ids = [make_model() for _ in range(3)]
    for model_id in ids:
        service.point(database, "default", "n", model_id)
    with database.write() as session:
        session.delete(models.get(session, "default", ids[1]))
    with pytest.raises(ConflictError, match="version 2 .* was deleted"):
        service.roll_back(database, "default", "n", 2)
    back = service.roll_back(database, "default", "n", None)
    assert (back.version, back.model_id) == (1, ids[0])
    assert [version.model_id for version in back.versions] == [ids[2], None, ids[0]]


def test_a_model_that_answers_cannot_be_deleted(database: Database, make_model: AddModel) -> None:
    old, new = make_model(), make_model()
    service.point(database, "default", "n", old)
    with database.read() as session, pytest.raises(ConflictError, match="'n'"):
        service.require_unnamed(session, old)
    service.point(database, "default", "n", new)
    with database.read() as session:
        service.require_unnamed(session, old)


def test_the_pages_are_all_names_by_the_alphabet(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'pages.db'}")
    database.migrate()
    model_id = add_model(database)
    names = sorted(f"name-{number}" for number in range(7))
    for name in reversed(names):
        service.point(database, "default", name, model_id)
    seen: list[str] = []
    more = True
    with database.read() as session:
        while more:
            after = seen[-1] if seen else None
            records, more = repository.page(session, "default", after=after, limit=3)
            seen += [record.name for record in records]
    assert seen == names
    database.dispose()
