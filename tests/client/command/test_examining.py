"""``polarizer doctor`` on a whole installation, and on broken ones."""

from __future__ import annotations

import pytest

from client.doctor import house
from tests.client.command.conftest import Run
from tests.client.wobbly import Say, wobbly


def states(found: list[dict[str, str]]) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in found}


def test_a_whole_installation(at: Run) -> None:
    done = at("doctor", "--json")
    found = states(done.data)
    assert done.code == 0, done.out
    assert (found["python"], found["torch"]) == ("ok", "ok")
    assert (found["service"], found["its database"], found["key"]) == ("ok", "ok", "ok")
    assert "sandbox" in found
    assert found["versions"] == "ok"


@pytest.fixture
def _no_house(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the command alone is installed; also, asking takes seconds."""
    monkeypatch.setattr(house, "is_there", lambda module: False)


@pytest.mark.usefixtures("_no_house")
def test_without_a_service(run: Run) -> None:
    done = run("doctor", "--url", "http://127.0.0.1:9")
    assert done.code == 1
    assert "service: http://127.0.0.1:9 cannot be reached" in done.out
    assert "→" in done.out
    assert run("doctor", "--no-service").code == 0


@pytest.mark.usefixtures("_no_house")
def test_a_configuration_that_cannot_be_used(run: Run) -> None:
    done = run("doctor", "--json", POLARIZER_TIMEOUT="soon")
    assert done.code == 1
    assert states(done.data)["configuration"] == "wrong"


@pytest.mark.usefixtures("_no_house")
def test_a_service_that_is_unwell_old_and_wants_a_key(run: Run) -> None:
    ready = Say(503, b'{"status": "unavailable", "parts": {"database": "no answer"}}')
    document = Say(200, b'{"info": {"version": "0.0.1"}}')
    with wobbly(ready, Say(401), document) as server:
        found = states(run("doctor", "--json", POLARIZER_URL=server.url).data)
    assert (found["its database"], found["key"]) == ("wrong", "wrong")
    assert found["versions"] in ("warning", "ok")  # ok where we were not installed
