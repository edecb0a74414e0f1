"""Webhooks as their users meet them, over HTTP."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings
from tests.service.conftest import TEST_LIMITS, Site, migrate, running
from tests.service.test_app import problem
from tests.service.webhooks.receiver import Receiver, receiving
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def telling(tmp_path: Path, receiver: Receiver) -> Iterator[Site]:
    receiver.received.clear()
    settings = Settings(data_dir=tmp_path, webhook_hosts=(receiver.host,), **TEST_LIMITS)
    migrate(settings)
    with running(settings) as site:
        yield site


def _create(site: Site, **webhook: object):  # type: ignore[no-untyped-def]
    upload = site.client.post("/v1/uploads", content=b"x").json()["id"]
    named = {"upload": upload}
    return site.client.post(
        "/v1/defenses", json={"model": named, "clean": named, "webhook": webhook or None}
    )


def test_from_a_request_to_a_message(telling: Site, receiver: Receiver) -> None:
    problem(_create(telling, url=receiver.url), 422, "invalid-request")
    created = telling.client.post("/v1/webhooks/secrets")
    assert created.status_code == 201
    secret = created.json()["secret"]
    defense = _create(telling, url=receiver.url, events=["defense.cancelled"])
    assert defense.status_code == 202
    assert defense.json()["webhook"] == {"url": receiver.url, "events": ["defense.cancelled"]}
    path = f"/v1/defenses/{defense.json()['id']}"
    assert telling.client.get(f"{path}/deliveries").json() == {"data": []}
    telling.client.post(f"{path}/cancel")
    wait_until(lambda: receiver.received)
    assert receiver.verified(secret)["data"]["id"] == defense.json()["id"]
    wait_until(
        lambda: telling.client.get(f"{path}/deliveries").json()["data"][0]["state"] == "delivered"
    )
    (delivery,) = telling.client.get(f"{path}/deliveries").json()["data"]
    assert delivery["type"] == "defense.cancelled"
    assert delivery["id"] == receiver.received[0][0]["webhook-id"]
    assert delivery["next_attempt_at"] is None
    assert telling.client.delete(path).status_code == 204
    problem(telling.client.get(f"{path}/deliveries"), 404, "not-found")


def test_a_secret_is_shown_once_and_kept_nowhere(telling: Site) -> None:
    first = telling.client.post("/v1/webhooks/secrets").json()
    second = telling.client.post("/v1/webhooks/secrets", json={"keep_previous_hours": 1}).json()
    logged = telling.client.get("/v1/audit").json()["data"]
    assert [entry["target"] for entry in logged] == [second["id"], first["id"]]
    assert first["secret"] not in str(logged)
    listed = telling.client.get("/v1/webhooks/secrets").json()["data"]
    assert [item["id"] for item in listed] == [second["id"], first["id"]]
    assert listed[0]["expires_at"] is None
    assert listed[1]["expires_at"] is not None
    assert all("secret" not in item for item in listed)
    assert first["secret"] != second["secret"]
    kept = b"".join(path.read_bytes() for path in telling.settings.data_dir.glob("polarizer.db*"))
    for secret in (first["secret"], second["secret"]):
        assert secret.removeprefix("whsec_").encode() not in kept
    key = telling.settings.data_dir / "webhook.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    telling.client.post("/v1/webhooks/secrets", json={"keep_previous_hours": 0})
    assert len(telling.client.get("/v1/webhooks/secrets").json()["data"]) == 1


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "http://hooks.example/", "https://[::ffff:10.0.0.1]/", "https://u@h/"],
)
def test_an_address_that_can_never_be_reached_is_refused_at_once(telling: Site, url: str) -> None:
    telling.client.post("/v1/webhooks/secrets")
    problem(_create(telling, url=url), 422, "webhook-refused")


@pytest.mark.parametrize(
    "webhook",
    [
        {"url": ""},
        {"url": "https://h/ x"},
        {"url": "https://h/", "events": []},
        {"url": "https://h/", "events": ["defense.dreaming"]},
        {"url": "https://h/", "secret": "x"},
        {"events": ["defense.failed"]},
    ],
    ids=["empty", "space", "no events", "unknown event", "more", "no address"],
)
def test_what_is_no_webhook(telling: Site, webhook: dict[str, object]) -> None:
    problem(_create(telling, **webhook), 422, "invalid-request")
