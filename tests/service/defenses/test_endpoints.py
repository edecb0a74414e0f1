"""Following a defense, stopping it, forgetting it; the test plays the worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from service.records import DefenseRecord, EventRecord, InputRecord
from tests.service.conftest import Site
from tests.service.defenses.conftest import Worker, submit
from tests.service.test_app import problem
from tests.service.uploads.test_endpoints import stored

UNKNOWN = "def_" + "0" * 26


def make(site: Site, **changes: Any) -> str:
    response = submit(site, **changes)
    assert response.status_code == 202, response.text
    identifier: str = response.json()["id"]
    return identifier


def show(site: Site, defense_id: str) -> dict[str, Any]:
    shown: dict[str, Any] = site.client.get(f"/v1/defenses/{defense_id}").json()
    return shown


CALLS = [("GET", ""), ("GET", "/events"), ("GET", "/report"), ("POST", "/cancel"), ("DELETE", "")]


@pytest.mark.parametrize("defense_id", [UNKNOWN, "x", "def_'; --"])
def test_an_unknown_id(quiet_site: Site, defense_id: str) -> None:
    for method, path in CALLS:
        response = quiet_site.client.request(method, f"/v1/defenses/{defense_id}{path}")
        problem(response, 404, "not-found")


def test_an_id_that_cannot_be_stored(site: Site) -> None:
    assert 400 <= site.client.get("/v1/defenses/a%00b").status_code < 500


def test_a_run_from_outside(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    lease = worker.claim(defense_id)
    assert show(site, defense_id)["status"] == "running"
    assert show(site, defense_id)["stage"] == "fetching"
    worker.report(lease, "stage", {"stage": "purifying"}, stage="purifying", progress=0.25)
    seen = show(site, defense_id)
    assert (seen["stage"], seen["progress"], seen["attempt"]) == ("purifying", 0.25, 1)
    problem(site.client.get(f"/v1/defenses/{defense_id}/report"), 409, "conflict")
    worker.succeed(lease, b'{"schema_version": 1}', accuracy_after=0.5)
    seen = show(site, defense_id)
    assert seen["status"] == "succeeded"
    assert seen["numbers"]["accuracy_after"] == 0.5
    assert seen["has_report"] is True
    assert seen["finished_at"] is not None
    report = site.client.get(f"/v1/defenses/{defense_id}/report")
    assert report.json() == {"schema_version": 1}
    assert report.headers["content-type"] == "application/json"


def test_a_failure_says_why(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    worker.fail(worker.claim(defense_id), "checkpoint-keys", "missing: conv1.weight")
    seen = show(site, defense_id)
    assert seen["status"] == "failed"
    assert seen["error"] == {"code": "checkpoint-keys", "message": "missing: conv1.weight"}
    found = problem(site.client.get(f"/v1/defenses/{defense_id}/report"), 404, "not-found")
    assert "failed" in str(found["detail"])


def test_lists_by_state_and_page(site: Site, worker: Worker) -> None:
    ids = [make(site) for _ in range(5)]
    worker.claim(ids[1])
    worker.claim(ids[3])

    def page(**params: Any) -> tuple[list[str], bool]:
        answer = site.client.get("/v1/defenses", params=params).json()
        return [item["id"] for item in answer["data"]], answer["has_more"]

    newest = sorted(ids, reverse=True)
    assert page() == (newest, False)
    assert page(limit=2) == (newest[:2], True)
    assert page(limit=2, after=newest[1]) == (newest[2:4], True)
    assert page(limit=2, after=newest[3]) == (newest[4:], False)
    assert page(status="running") == (sorted([ids[1], ids[3]], reverse=True), False)
    assert page(status="failed") == ([], False)
    problem(site.client.get("/v1/defenses", params={"status": "lost"}), 422, "invalid-request")


# Cancel and delete


def test_a_queued_one_is_cancelled_at_once(site: Site) -> None:
    defense_id = make(site)
    cancelled = site.client.post(f"/v1/defenses/{defense_id}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["status"] == "cancelled"
    assert site.client.post(f"/v1/defenses/{defense_id}/cancel").json() == cancelled.json()


def test_a_running_one_is_cancelled_by_its_worker(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    lease = worker.claim(defense_id)
    for _ in range(2):
        cancelled = site.client.post(f"/v1/defenses/{defense_id}/cancel")
        assert cancelled.json()["status"] == "cancelling"
    problem(site.client.delete(f"/v1/defenses/{defense_id}"), 409, "conflict")
    worker.confirm_cancel(lease)
    assert show(site, defense_id)["status"] == "cancelled"


def test_an_ended_one_stays_as_it_is(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    worker.succeed(worker.claim(defense_id))
    assert site.client.post(f"/v1/defenses/{defense_id}/cancel").json()["status"] == "succeeded"


def test_forgetting_leaves_nothing(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    headers = {"Idempotency-Key": "k"}
    problem(site.client.delete(f"/v1/defenses/{defense_id}"), 409, "conflict")
    worker.succeed(worker.claim(defense_id), b'{"report": true}')
    for item in site.client.get("/v1/uploads").json()["data"]:
        site.client.delete(f"/v1/uploads/{item['id']}")
    assert len(stored(site)) == 3
    assert site.client.delete(f"/v1/defenses/{defense_id}", headers=headers).status_code == 204
    problem(site.client.get(f"/v1/defenses/{defense_id}"), 404, "not-found")
    assert stored(site) == []
    with site.resources.database.read() as session:
        for table in (DefenseRecord, EventRecord, InputRecord):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_forgetting_keeps_what_others_use(site: Site) -> None:
    first = make(site)
    make(site)
    site.client.post(f"/v1/defenses/{first}/cancel")
    assert site.client.delete(f"/v1/defenses/{first}").status_code == 204
    assert len(stored(site)) == 2


# Events


def test_events_by_cursor(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    lease = worker.claim(defense_id)
    for step in range(3):
        worker.report(lease, "progress", {"step": step})

    def page(**params: int) -> dict[str, Any]:
        found: dict[str, Any] = site.client.get(
            f"/v1/defenses/{defense_id}/events", params=params
        ).json()
        return found

    everything = page()
    assert [event["sequence"] for event in everything["data"]] == [1, 2, 3, 4, 5]
    assert [event["type"] for event in everything["data"]] == ["status"] * 2 + ["progress"] * 3
    assert everything["has_more"] is False
    first = page(limit=2)
    assert first == {"data": everything["data"][:2], "has_more": True}
    assert page(limit=100, after=2)["data"] == everything["data"][2:]


def stream(site: Site, defense_id: str, **headers: str) -> Iterator[dict[str, Any]]:
    """The events of a stream, as a browser would read them, until it ends."""
    headers = {"Accept": "text/event-stream"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    path = f"/v1/defenses/{defense_id}/events"
    with site.client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                event = json.loads(fields["data"])
                assert fields["id"] == str(event["sequence"])
                assert fields["event"] == event["type"]
                yield event
                fields = {}


def test_a_stream_follows_to_the_end(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    events = stream(site, defense_id)
    assert next(events)["data"] == {"status": "queued"}
    lease = worker.claim(defense_id)
    assert next(events)["data"] == {"status": "running"}
    worker.report(lease, "progress", {"step": 1})
    assert next(events)["data"] == {"step": 1}
    worker.succeed(lease, accuracy_after=0.5)
    last = next(events)
    assert last["data"]["status"] == "succeeded"
    assert list(events) == []


def test_a_stream_resumes_after_the_last_event(site: Site, worker: Worker) -> None:
    defense_id = make(site)
    worker.succeed(worker.claim(defense_id))
    assert [event["sequence"] for event in stream(site, defense_id)] == [1, 2, 3]
    resumed = stream(site, defense_id, Last_Event_ID="2")
    assert [event["sequence"] for event in resumed] == [3]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "3"}
    done = site.client.get(f"/v1/defenses/{defense_id}/events", headers=headers)
    assert done.status_code == 204


def test_a_stream_of_many_events_is_whole(small_site: Site, small_worker: Worker) -> None:
    defense_id = make(small_site)
    lease = small_worker.claim(defense_id)
    for step in range(250):
        small_worker.report(lease, "progress", {"step": step})
    small_worker.succeed(lease)
    found = [event["sequence"] for event in stream(small_site, defense_id)]
    assert found == list(range(1, 254))


def test_a_stream_ends_when_its_defense_is_forgotten(small_site: Site) -> None:
    defense_id = make(small_site)
    events = stream(small_site, defense_id)
    next(events)
    with small_site.resources.database.write() as session:
        session.delete(session.get_one(DefenseRecord, defense_id))
    assert list(events) == []


def test_a_stream_ends_when_the_service_stops(small_site: Site) -> None:
    events = stream(small_site, make(small_site))
    next(events)
    small_site.server.should_exit = True
    assert list(events) == []


@pytest.mark.parametrize("headers", [{"Last-Event-ID": "x"}, {"Last-Event-ID": "-1"}])
def test_a_strange_last_event_id(quiet_site: Site, headers: dict[str, str]) -> None:
    path = f"/v1/defenses/{UNKNOWN}/events"
    headers |= {"Accept": "text/event-stream"}
    problem(quiet_site.client.get(path, headers=headers), 422, "invalid-request")


# Prefer: wait


def test_waiting_ends_with_the_defense(small_site: Site, small_worker: Worker) -> None:
    defense_id = make(small_site)
    lease = small_worker.claim(defense_id)
    path = f"/v1/defenses/{defense_id}"

    def ask(seconds: int) -> httpx.Response:
        return small_site.client.get(path, headers={"Prefer": f"wait={seconds}"})

    waited = ask(0)
    assert waited.json()["status"] == "running"
    assert waited.headers["preference-applied"] == "wait=0"
    assert "retry-after" in waited.headers
    small_worker.succeed(lease)
    ended = ask(999)
    assert ended.json()["status"] == "succeeded"
    assert ended.headers["preference-applied"] == "wait=60"
    assert "retry-after" not in ended.headers
