"""A client that got no answer sends the same again, perhaps while the first is still being worked
on: it happens once, and every answer is one that a client can go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from service.storage import Store
from tests.service.conftest import Site
from tests.service.defenses.conftest import body, submit, upload

TIMES = 6


def at_once(site: Site, call: Callable[[httpx.Client], httpx.Response]) -> Counter[int]:
    """How often each status was answered."""

    def ask(_: int) -> int:
        with httpx.Client(base_url=site.url, timeout=60) as client:
            return call(client).status_code

    with ThreadPoolExecutor(TIMES) as pool:
        return Counter(pool.map(ask, range(TIMES)))


def stored(store: Store) -> int:
    return len(list(store.list()))


def test_a_defense_is_made_once(site: Site) -> None:
    request = body(site)
    headers = {"Idempotency-Key": "once"}
    told = at_once(site, lambda client: client.post("/v1/defenses", json=request, headers=headers))
    assert set(told) <= {202, 409}
    assert told[202] >= 1
    assert site.client.post("/v1/defenses", json=request, headers=headers).status_code == 202
    assert len(site.client.get("/v1/defenses").json()["data"]) == 1


def test_a_defense_is_cancelled_once(site: Site) -> None:
    defense_id = submit(site).json()["id"]
    told = at_once(site, lambda client: client.post(f"/v1/defenses/{defense_id}/cancel"))
    assert told == {200: TIMES}
    events = site.client.get(f"/v1/defenses/{defense_id}/events").json()["data"]
    assert [event["data"] for event in events] == [{"status": "queued"}, {"status": "cancelled"}]


def test_a_defense_is_forgotten_once(site: Site) -> None:
    defense_id = submit(site).json()["id"]
    site.client.post(f"/v1/defenses/{defense_id}/cancel")
    told = at_once(site, lambda client: client.delete(f"/v1/defenses/{defense_id}"))
    assert told == {204: 1, 404: TIMES - 1}


def test_an_upload_is_forgotten_once_and_its_bytes_with_the_last(site: Site) -> None:
    first, second = upload(site), upload(site)
    for upload_id, left in ((first, 1), (second, 0)):
        told = at_once(site, lambda client, name=upload_id: client.delete(f"/v1/uploads/{name}"))
        assert told == {204: 1, 404: TIMES - 1}
        site.resources.blobs.sweep(-1)
        assert stored(site.resources.store) == left


def test_the_same_bytes_at_once_are_all_kept(site: Site) -> None:
    """They may be stored more than once, which costs room; none may be lost."""
    told = at_once(site, lambda client: client.post("/v1/uploads", content=b"bytes"))
    assert told == {201: TIMES}
    kept = site.client.get("/v1/uploads").json()["data"]
    assert len(kept) == TIMES
    before = stored(site.resources.store)
    site.resources.blobs.sweep(-1)
    assert stored(site.resources.store) == before >= 1


@pytest.mark.parametrize("what", ["defenses", "uploads", "models"])
def test_forgetting_what_never_was(quiet_site: Site, what: str) -> None:
    assert quiet_site.client.delete(f"/v1/{what}/never").status_code == 404
