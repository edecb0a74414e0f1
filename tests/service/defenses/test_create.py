"""Asking for a defense: JSON and forms, what is refused, and keys that make one job."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from service.defenses import examples
from service.queue import RUN_DEFENSE
from service.records import BlobRecord, DefenseRecord, IdempotencyRecord
from service.settings import Settings
from tests.service.conftest import Site, migrate, running
from tests.service.defenses.conftest import DESCRIPTION, body, post_form, submit, upload
from tests.service.test_app import problem
from tests.service.uploads.test_endpoints import Measured, spooled, stored


def woken(site: Site) -> list[str]:
    """The ids in the messages that wait in the broker."""
    found = []
    with site.resources.queue._celery.connection_for_write() as connection:
        queue = connection.SimpleQueue("defenses")
        with suppress(queue.Empty):
            while message := queue.get(block=False):
                assert message.headers["task"] == RUN_DEFENSE
                found += message.payload[0]
                message.ack()
        queue.close()
    return found


def test_json_that_names_uploads(site: Site) -> None:
    sent = body(site, name="mine", config={"steps": 7, "seed": 3})
    created = site.client.post("/v1/defenses", json=sent)
    assert created.status_code == 202, created.text
    defense = created.json()
    assert created.headers["location"] == f"/v1/defenses/{defense['id']}"
    assert int(created.headers["retry-after"]) > 0
    assert defense["status"] == "queued"
    assert defense["name"] == "mine"
    assert defense["config"]["steps"] == 7
    assert defense["description"]["classes"] == DESCRIPTION["classes"]
    assert set(defense["inputs"]) == {"model", "clean"}
    assert defense["inputs"]["model"]["size"] == len(b"model")
    assert site.client.get(created.headers["location"]).json() == defense
    assert woken(site) == [defense["id"]]


def test_a_form_with_the_files(site: Site) -> None:
    created = post_form(site, model=b"weights", clean=b"images", description=DESCRIPTION)
    assert created.status_code == 202, created.text
    inputs = created.json()["inputs"]
    assert inputs["model"]["filename"] == "model.bin"
    assert inputs["clean"]["size"] == len(b"images")
    assert spooled(site) == []
    assert len(stored(site)) == 2
    with site.resources.database.read() as session:
        record = session.get_one(DefenseRecord, created.json()["id"])
        kept = {
            item.role: b"".join(site.resources.blobs.read(item.blob))
            for item in record.inputs
            if item.blob
        }
        wanted = {"description", "target_class", "attack_tests", "config", "evidence"}
        assert record.request.keys() == wanted
    assert kept == {"model": b"weights", "clean": b"images"}
    assert woken(site) == [created.json()["id"]]


def test_a_form_may_mix_files_and_references(small_site: Site) -> None:
    request = {
        "name": "mixed",
        "clean": {"upload": upload(small_site, b"clean")},
        "target_class": 1,
        "config": {"method": "npd"},
    }
    created = post_form(
        small_site, model=b"m", triggered=b"t", request=request, description=DESCRIPTION
    )
    assert created.status_code == 202, created.text
    defense = created.json()
    assert set(defense["inputs"]) == {"model", "clean", "triggered"}
    assert (defense["name"], defense["target_class"]) == ("mixed", 1)
    assert defense["config"]["method"] == "npd"


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_as_documented(small_site: Site, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"w" * 100_000)
    (tmp_path / "clean.npz").write_bytes(b"c" * 100_000)
    (tmp_path / "model.json").write_text(json.dumps(DESCRIPTION | {"attack": {"notes": 1}}))
    command = ["curl", "-sS", "--fail-with-body", f"{small_site.url}/v1/defenses"]
    command += ["-F", "model=@model.safetensors", "-F", "description=@model.json"]
    command += ["-F", "clean=@clean.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    defense = json.loads(done.stdout)
    assert defense["inputs"]["model"] == {
        "filename": "model.safetensors",
        "uri": None,
        "sha256": defense["inputs"]["model"]["sha256"],
        "size": 100_000,
    }
    assert defense["description"]["architecture"]["name"] == "small_cnn"


def test_a_large_form_takes_little_memory(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, max_upload_bytes=400 << 20)
    migrate(settings)
    head = b'--x\r\nContent-Disposition: form-data; name="model"; filename="m"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with running(settings) as site:
        post_form(site, model=b"")
        sent = Measured(300, head, b"\r\n--x--\r\n")
        response = site.client.post("/v1/defenses", content=sent, headers=headers)
        refused = problem(response, 422, "invalid-request")
        assert "clean" in str(refused["detail"])
        assert sent.growth < 60 << 20
        assert spooled(site) == []


# What is refused


def _refused(site: Site, response: httpx.Response, *, says: str) -> None:
    found = problem(response, 422, "invalid-request")
    assert says in json.dumps(found)
    assert site.client.get("/v1/defenses").json()["data"] == []
    assert spooled(site) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": None}, "model: missing"),
        ({"clean": None}, "clean: missing"),
        ({"model": {"upload": "upl_" + "0" * 26}}, "model: there is no upload"),
        ({"model": {"upload": "nonsense"}}, "upload"),
        ({"model": {}}, "upload"),
        ({"model": {"upload": "upl_" + "0" * 26, "uri": "s3://b/k"}}, "Extra inputs"),
        ({"model": "upl_" + "0" * 26}, "model"),
        ({"clean": {"uri": "s3://b/k", "sha256": "xyz"}}, "sha256"),
        ({"target_class": 1}, "triggered"),
        ({"attack_tests": ["retuning"]}, "attack with triggered images"),
        ({"attack_tests": ["sorcery"]}, "attack_tests"),
        ({"target_class": True}, "target_class"),
        ({"target_class": -1}, "target_class"),
        ({"config": {"steps": 0}}, "steps"),
        ({"config": {"step": 7}}, "step"),
        ({"confg": {}}, "confg"),
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"description": DESCRIPTION | {"classes": ["cat", "dog"]}}, "2 class names for 3"),
        ({"description": DESCRIPTION | {"architecture": {"name": "resnet9000"}}}, "resnet9000"),
        ({"description": {"architecture": {}}}, "architecture"),
    ],
)
def test_a_request_that_cannot_be_used(
    quiet_site: Site, changes: dict[str, Any], says: str
) -> None:
    _refused(quiet_site, submit(quiet_site, **changes), says=says)


@pytest.mark.parametrize(("target", "says"), [(3, "3 is not the index"), ("cow", "cat, dog, newt")])
def test_a_target_that_the_model_does_not_have(
    quiet_site: Site, target: int | str, says: str
) -> None:
    triggered = {"upload": upload(quiet_site, b"t")}
    response = submit(quiet_site, triggered=triggered, target_class=target)
    _refused(quiet_site, response, says=says)


def test_triggered_images_need_a_target(quiet_site: Site) -> None:
    response = submit(quiet_site, triggered={"upload": upload(quiet_site, b"t")})
    _refused(quiet_site, response, says="target_class")


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"request": {}}, "model: missing"),
        ({"model": b"m"}, "clean: missing"),
        ({"model": b"", "clean": b"c"}, "model is empty"),
        ({"model": b"m", "clean": b"c", "cleen": b"c"}, "there is no part 'cleen'"),
        ({"model": "m.safetensors", "clean": b"c"}, "-F model=@FILE"),
        ({"model": b"m", "clean": b"c", "description": {"classes": []}}, "description"),
        ({"model": b"m", "clean": b"c", "description": b"\xff\xfe"}, "description"),
        ({"model": b"m", "clean": b"c", "request": ["list"]}, "request"),
        (
            {"model": b"m", "clean": b"c", "request": {"model": {"upload": "upl_" + "0" * 26}}},
            "sent as a file and named",
        ),
        (
            {
                "model": b"m",
                "clean": b"c",
                "description": DESCRIPTION,
                "request": {"description": DESCRIPTION},
            },
            "sent as a part and in the request",
        ),
    ],
)
def test_a_form_that_cannot_be_used(quiet_site: Site, parts: dict[str, Any], says: str) -> None:
    _refused(quiet_site, post_form(quiet_site, **parts), says=says)


_PART = b'--x\r\nContent-Disposition: form-data; name="model"; filename="m"\r\n\r\nbytes\r\n'


@pytest.mark.parametrize(
    ("content_type", "content", "says"),
    [
        ("multipart/form-data", _PART + b"--x--\r\n", "boundary"),
        ("multipart/form-data; boundary=x", _PART, "closing boundary"),
        ("multipart/form-data; boundary=x", b"", "closing boundary"),
        ("multipart/form-data; boundary=x", b"nonsense", "not a multipart body"),
        ("multipart/form-data; boundary=x", _PART * 2 + b"--x--\r\n", "sent twice"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nbytes\r\n--x--\r\n", "no name"),
        ("application/json", b"", "body"),
        ("application/json", b"{", "body"),
        ("application/json", b"[" * 5000, "body"),
    ],
)
def test_a_body_that_cannot_be_read(
    quiet_site: Site, content_type: str, content: bytes, says: str
) -> None:
    headers = {"Content-Type": content_type}
    response = quiet_site.client.post("/v1/defenses", content=content, headers=headers)
    _refused(quiet_site, response, says=says)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_media_type(quiet_site: Site, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    response = quiet_site.client.post("/v1/defenses", content=b"model=m", headers=headers)
    problem(response, 415, "media-type")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://secret/clean.npz",
        "s3://allowed/datas/clean.npz",
        "s3://allowed/data/../secret",
        "s3://allowed",
        "https://allowed/data/clean.npz",
        "file:///etc/passwd",
    ],
)
def test_a_reference_outside_the_sources(tmp_path: Path, uri: str) -> None:
    settings = Settings(data_dir=tmp_path, sources=("s3://allowed/data",))
    migrate(settings)
    with running(settings) as site:
        problem(submit(site, clean={"uri": uri}), 422, "source-refused")
        good = submit(site, clean={"uri": "s3://allowed/data/clean.npz", "sha256": "a" * 64})
        assert good.status_code == 202
        assert good.json()["inputs"]["clean"]["uri"] == "s3://allowed/data/clean.npz"


def test_files_over_the_limit(small_site: Site) -> None:
    over = bytes(small_site.settings.max_upload_bytes + 1)
    problem(post_form(small_site, model=over, clean=b"c"), 413, "too-large")
    large = b'"' + b"x" * small_site.settings.max_json_bytes + b'"'
    problem(post_form(small_site, description=large), 413, "too-large")
    headers = {"Content-Type": "application/json"}
    response = small_site.client.post("/v1/defenses", content=large, headers=headers)
    problem(response, 413, "too-large")
    assert spooled(small_site) == []
    assert stored(small_site) == []


def test_a_broker_that_is_down_delays_only(small_site: Site) -> None:
    messages = small_site.settings.data_dir / "queue" / "messages"
    messages.rmdir()
    messages.write_text("not a folder")
    created = submit(small_site)
    assert created.status_code == 202
    messages.unlink()
    messages.mkdir()


# Idempotency-Key


def _post(site: Site, key: str, sent: dict[str, Any]) -> httpx.Response:
    return site.client.post("/v1/defenses", json=sent, headers={"Idempotency-Key": key})


def _count(site: Site) -> int:
    return len(site.client.get("/v1/defenses").json()["data"])


def test_the_same_key_makes_one_defense(site: Site) -> None:
    sent = body(site)
    first, again = _post(site, "k", sent), _post(site, "k", sent)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert _count(site) == 1
    assert woken(site) == [first.json()["id"]]

    with site.resources.database.write() as session:
        session.execute(update(DefenseRecord).values(status="running", progress=0.5, attempt=1))
    assert _post(site, "k", sent).json() == first.json()


def test_another_payload_is_refused(site: Site) -> None:
    sent = body(site)
    assert _post(site, "k", sent).status_code == 202
    response = _post(site, "k", sent | {"name": "other"})
    problem(response, 422, "idempotency-mismatch")
    assert _post(site, "k2", sent).status_code == 202
    assert _count(site) == 2


def test_files_count_in_the_payload(small_site: Site) -> None:
    def post(model: bytes) -> httpx.Response:
        return post_form(small_site, {"Idempotency-Key": "k"}, model=model, clean=b"c")

    first = post(b"one")
    assert post(b"one").json() == first.json()
    problem(post(b"two"), 422, "idempotency-mismatch")
    assert len(stored(small_site)) == 2


def _claim_as_crashed(site: Site, key: str, sent: dict[str, Any], minutes: float) -> None:
    """Leaves the row that a first request leaves which died ``minutes`` ago."""
    assert _post(site, key, sent).status_code == 202
    with site.resources.database.write() as session:
        record = session.scalars(select(IdempotencyRecord)).one()
        record.created_at -= timedelta(minutes=minutes)
        record.defense_id = None


def test_a_key_in_progress_is_a_conflict(site: Site) -> None:
    sent = body(site)
    _claim_as_crashed(site, "k", sent, minutes=1)
    response = _post(site, "k", sent)
    problem(response, 409, "in-progress")
    assert int(response.headers["retry-after"]) > 0


def test_a_dead_first_request_is_taken_over(site: Site) -> None:
    sent = body(site)
    _claim_as_crashed(site, "k", sent, minutes=11)
    taken = _post(site, "k", sent)
    assert taken.status_code == 202
    assert "idempotent-replayed" not in taken.headers
    assert _post(site, "k", sent).json() == taken.json()


def test_a_refused_request_frees_its_key(small_site: Site) -> None:
    sent = body(small_site)
    unknown = sent | {"model": {"upload": "upl_" + "0" * 26}}
    problem(_post(small_site, "k", unknown), 422, "invalid-request")
    assert _post(small_site, "k", sent).status_code == 202


def test_a_key_used_at_once_makes_one_defense(site: Site) -> None:
    sent = body(site)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _post(site, "k", sent), range(8)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert _count(site) == 1


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
def test_a_key_is_printable_and_short(quiet_site: Site, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    response = quiet_site.client.post("/v1/defenses", json=body(quiet_site), headers=headers)
    problem(response, 422, "invalid-request")


def test_a_failed_request_leaves_no_blob(small_site: Site) -> None:
    request = {"clean": {"upload": "upl_" + "0" * 26}}
    problem(post_form(small_site, model=b"m", request=request), 422, "invalid-request")
    assert stored(small_site) == []
    with small_site.resources.database.read() as session:
        assert session.scalars(select(BlobRecord)).all() == []


# The document


@pytest.mark.parametrize("name", examples.JSON_EXAMPLES)
def test_the_documented_examples_run(tmp_path: Path, name: str) -> None:
    settings = Settings(data_dir=tmp_path, sources=("s3://clean-data",))
    migrate(settings)
    with running(settings) as site:
        real = {"upload": upload(site)}
        sent = {
            name: real if isinstance(value, dict) and "upload" in value else value
            for name, value in examples.JSON_EXAMPLES[name]["value"].items()
        }
        response = site.client.post("/v1/defenses", json=sent)
        assert response.status_code == 202, response.text
