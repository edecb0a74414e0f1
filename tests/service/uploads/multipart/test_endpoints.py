"""Uploads in parts over HTTP, on both stacks."""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from service.access.scopes import Scope
from service.database import now
from service.records import BlobRecord, MultipartRecord
from tests.service.access.conftest import OURS, add_key, add_tenants, with_key
from tests.service.access.test_quotas import limit
from tests.service.conftest import Site
from tests.service.test_app import problem
from tests.service.uploads.multipart.conftest import Sending, left


def test_parts_in_any_order_become_an_upload(room: Site) -> None:
    sending = Sending(room)
    assert sending.begun["state"] == "open"
    assert sending.begun["part_count"] == 3
    for number in (3, 1, 1, 2):
        kept = sending.put(number, sha256=hashlib.sha256(sending.part(number)).hexdigest())
        assert kept.status_code == 200, kept.text
        assert kept.json()["size"] == len(sending.part(number))
    assert room.client.get("/v1/uploads").json()["data"] == []

    done = sending.complete()
    assert done.status_code == 201, done.text
    upload = done.json()
    assert done.headers["location"] == f"/v1/uploads/{upload['id']}"
    assert (upload["sha256"], upload["size"]) == (sending.digest, len(sending.content))
    assert upload["filename"] == "model.pt"
    assert sending.complete().json() == upload, "asked again, the same"
    assert sending.state() == "completed"
    (key,) = [item.key for item in room.resources.store.list()]
    assert b"".join(room.resources.store.read(key)) == sending.content
    room.resources.blobs.sweep(-1)
    assert left(room) == [key]

    assert room.client.delete(f"/v1/uploads/{upload['id']}").status_code == 204
    assert left(room) == []
    problem(sending.complete(), 404, "not-found")


def test_what_was_cut_off_is_found_and_gone_on_with(room: Site) -> None:
    broken = Sending(room)
    broken.put(2)
    body = problem(broken.complete(), 409, "conflict")
    assert "lacks parts 1, 3:" in str(body["detail"])

    params = {"sha256": broken.digest, "state": "open"}
    (found,) = room.client.get("/v1/multipart-uploads", params=params).json()["data"]
    assert found == broken.begun
    assert room.client.get("/v1/multipart-uploads", params={"sha256": 64 * "0"}).json() == {
        "data": [],
        "has_more": False,
    }
    listed = room.client.get(f"{broken.path}/parts").json()
    assert [part["number"] for part in listed["data"]] == [2]
    assert listed["data"][0]["sha256"] == hashlib.sha256(broken.part(2)).hexdigest()
    for number in (1, 3):
        broken.put(number)
    assert broken.complete().json()["sha256"] == broken.digest
    assert room.client.get("/v1/multipart-uploads", params=params).json()["data"] == []


def test_other_bytes_fail_and_nothing_is_kept(room: Site) -> None:
    sending = Sending(room)
    sending.put_all()
    sending.put(2, bytes(len(sending.part(2))))
    body = problem(sending.complete(), 422, "invalid-request")
    assert sending.digest in str(body["detail"])
    assert sending.state() == "failed"
    assert "failed" in str(problem(sending.complete(), 409, "conflict")["detail"])
    problem(sending.put(1), 409, "conflict")
    assert sending.client.delete(sending.path).status_code == 204
    assert left(room) == []
    assert room.client.get("/v1/uploads").json()["data"] == []


def test_a_part_takes_the_place_of_an_earlier_one(room: Site) -> None:
    sending = Sending(room)
    sending.put(2, bytes(len(sending.part(2))))
    sending.put_all()
    assert sending.complete().status_code == 201


def test_given_up_frees_everything_and_may_be_repeated(room: Site) -> None:
    sending = Sending(room)
    sending.put(1)
    for _ in range(2):
        assert sending.client.delete(sending.path).status_code == 204
        assert left(room) == []
        assert sending.state() == "aborted"
    for refused in (sending.put(2), sending.complete()):
        assert "aborted" in str(problem(refused, 409, "conflict")["detail"])
    with room.resources.database.read() as session:
        assert session.query(BlobRecord).all() == []


def test_a_complete_one_is_not_given_up(small_room: Site) -> None:
    sending = Sending(small_room)
    sending.put_all()
    upload = sending.complete().json()["id"]
    body = problem(sending.client.delete(sending.path), 409, "conflict")
    assert upload in str(body["detail"])


def test_parts_that_do_not_fit_are_refused(small_room: Site) -> None:
    sending = Sending(small_room)
    whole = sending.part(1)
    for refused in (
        sending.put(1, whole[:-1]),
        sending.put(1, b""),
        sending.put(3, whole[:500]),
        sending.put(4, whole),
        sending.put(0, whole),
        sending.put(10_001, whole),
        sending.put(1, sha256="0" * 64),
    ):
        problem(refused, 422, "invalid-request")
    for too_long in (sending.put(1, whole + b"x"), sending.put(3, sending.part(3) + b"x")):
        problem(too_long, 413, "too-large")
    assert sending.client.get(f"{sending.path}/parts").json()["data"] == []
    assert sending.put(1).status_code == 200, "it is still open"


@pytest.mark.parametrize(
    "body",
    [
        {"size": 0, "sha256": 64 * "0"},
        {"size": 5, "sha256": "0"},
        {"size": 5},
        {"size": 5, "sha256": 64 * "0", "more": 1},
    ],
    ids=["nothing", "digest", "without", "unknown"],
)
def test_what_cannot_be_begun(small_room: Site, body: dict[str, object]) -> None:
    problem(small_room.client.post("/v1/multipart-uploads", json=body), 422, "invalid-request")


def test_over_the_limit_is_refused_at_once(small_room: Site) -> None:
    wanted = {"size": small_room.settings.max_upload_bytes + 1, "sha256": 64 * "0"}
    problem(small_room.client.post("/v1/multipart-uploads", json=wanted), 413, "too-large")
    long_name = {"size": 1, "sha256": 64 * "0", "filename": "x" * (1 << 20)}
    problem(small_room.client.post("/v1/multipart-uploads", json=long_name), 413, "too-large")


def test_the_whole_size_counts_from_the_beginning(small_room: Site) -> None:
    add_tenants(small_room.resources.database)
    limit(small_room, stored_bytes=100)
    key = add_key(small_room.resources.database, OURS, Scope.DEFEND)
    with with_key(small_room, key) as client:
        wanted = {"size": 60, "sha256": 64 * "0"}
        begun = client.post("/v1/multipart-uploads", json=wanted)
        assert begun.status_code == 201
        problem(client.post("/v1/multipart-uploads", json=wanted), 429, "quota")
        problem(client.post("/v1/uploads", content=bytes(50)), 429, "quota")
        client.delete(begun.headers["location"]).raise_for_status()
        assert client.post("/v1/multipart-uploads", json=wanted).status_code == 201


def test_completed_by_many_at_once_is_one_upload(room: Site) -> None:
    sending = Sending(room)
    sending.put_all()

    def complete(_: int) -> httpx.Response:
        with httpx.Client(base_url=room.url, timeout=120) as client:
            return client.post(f"{sending.path}/complete")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(complete, range(4)))
    told = Counter(answer.status_code for answer in answers)
    assert set(told) <= {201, 409}
    assert told[201] >= 1
    for answer in answers:
        if answer.status_code == 409:
            problem(answer, 409, "in-progress")
            assert answer.headers["retry-after"]
    assert len(room.client.get("/v1/uploads").json()["data"]) == 1
    assert sending.complete().status_code == 201


def test_parts_at_once_are_all_kept(room: Site) -> None:
    sending = Sending(room)

    def put(number: int) -> int:
        with httpx.Client(base_url=room.url, timeout=120) as client:
            return client.put(
                f"{sending.path}/parts/{number}", content=sending.part(number)
            ).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(put, [1, 2, 3, 1, 2, 3])) == {200}
    assert sending.complete().status_code == 201


def test_when_its_time_is_over_it_is_forgotten(room: Site) -> None:
    done = Sending(room)
    done.put_all()
    done.complete()
    late = Sending(room, bytes(1000))
    late.put_all()
    young = Sending(room, bytes(2000))
    young.put_all()
    with room.resources.database.write() as session:
        for sending in (done, late):
            record = session.get_one(MultipartRecord, sending.begun["id"])
            record.expires_at = now(session) - timedelta(seconds=1)
    assert "in time" in str(problem(late.complete(), 409, "conflict")["detail"])
    problem(late.put(1), 409, "conflict")

    assert room.resources.multiparts.sweep() == 2
    assert room.resources.multiparts.sweep() == 0
    for sending in (done, late):
        problem(sending.complete(), 404, "not-found")
    assert len(room.client.get("/v1/uploads").json()["data"]) == 1, "what came of it stays"
    room.resources.blobs.sweep(-1)
    assert young.complete().status_code == 201, "the sweep leaves what is under way"
    assert len(left(room)) == 2


def test_pages(small_room: Site) -> None:
    made = [Sending(small_room, bytes([n])).begun["id"] for n in range(3)]
    first = small_room.client.get("/v1/multipart-uploads?limit=2").json()
    assert [item["id"] for item in first["data"]] == made[:0:-1]
    assert first["has_more"]
    rest = small_room.client.get(f"/v1/multipart-uploads?after={made[1]}").json()
    assert [item["id"] for item in rest["data"]] == made[:1]

    sending = Sending(small_room)
    sending.put_all()
    parts = sending.client.get(f"{sending.path}/parts?limit=2").json()
    assert [part["number"] for part in parts["data"]] == [1, 2]
    assert parts["has_more"]
    parts = sending.client.get(f"{sending.path}/parts?after=2").json()
    assert [part["number"] for part in parts["data"]] == [3]
    assert not parts["has_more"]


def test_parts_by_links(room: Site) -> None:
    sending = Sending(room)
    links = sending.client.post(f"{sending.path}/links", json={"numbers": [1, 3]})
    if not sending.begun["links"]:  # a folder has none
        problem(links, 409, "conflict")
        return
    for link in links.json()["data"]:
        body = sending.part(link["number"])
        assert link["size"] == len(body)
        sent = httpx.put(link["url"], content=body, timeout=120)
        assert sent.status_code == 200, sent.text
    listed = sending.client.get(f"{sending.path}/parts").json()["data"]
    assert [(part["number"], part["sha256"]) for part in listed] == [(1, None), (3, None)]
    sending.put(2)
    listed = sending.client.get(f"{sending.path}/parts").json()["data"]
    assert [part["sha256"] is None for part in listed] == [True, False, True]
    assert sending.complete().json()["sha256"] == sending.digest
    too_late = sending.client.post(f"{sending.path}/links", json={"numbers": [1]})
    problem(too_late, 409, "conflict")


def test_a_link_takes_no_more_than_its_part(room: Site) -> None:
    sending = Sending(room)
    if not sending.begun["links"]:
        return
    answer = sending.client.post(f"{sending.path}/links", json={"numbers": [3]})
    (link,) = answer.json()["data"]
    assert httpx.put(link["url"], content=sending.part(1), timeout=120).status_code == 403
    none = sending.client.post(f"{sending.path}/links", json={"numbers": [4]})
    problem(none, 422, "invalid-request")
