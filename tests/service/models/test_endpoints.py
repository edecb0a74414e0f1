"""Models over HTTP: what is said of them, their files whole or not at all, and their end."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from service.models import repository
from service.records import BlobRecord
from service.storage.base import CHUNK
from tests.service.conftest import Site
from tests.service.models.test_repository import DESCRIPTION
from tests.service.test_app import problem

MakeFile = Callable[[bytes], Path]

CONTENT = bytes(range(256)) * (3 * CHUNK // 256) + b"end"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def add(site: Site, path: Path, name: str | None = "digits") -> str:
    """A model whose file has these bytes."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    blob_id = site.resources.blobs.keep(path, sha256, tenant="default")
    with site.resources.database.write() as session:
        record = repository.add(
            session,
            tenant="default",
            name=name,
            defense_id=None,
            blob_id=blob_id,
            description=DESCRIPTION,
            method="stage",
            numbers={"accuracy_before": 0.9, "accuracy_after": 0.875},
        )
        return record.id


def blob_of(site: Site, model_id: str) -> BlobRecord:
    with site.resources.database.read() as session:
        return repository.get(session, "default", model_id).blob


def stored(site: Site) -> list[str]:
    return [item.key for item in site.resources.store.list()]


def test_a_model_is_shown_listed_and_forgotten(site: Site, make_file: MakeFile) -> None:
    model_id = add(site, make_file(CONTENT))
    body = site.client.get(f"/v1/models/{model_id}").json()
    assert body["description"] == DESCRIPTION.model_dump(mode="json")
    assert body["numbers"] == {"accuracy_before": 0.9, "accuracy_after": 0.875}
    assert (body["id"], body["name"], body["method"]) == (model_id, "digits", "stage")
    assert (body["sha256"], body["size"]) == (SHA256, len(CONTENT))
    assert site.client.get("/v1/models").json() == {"data": [body], "has_more": False}

    assert site.client.delete(f"/v1/models/{model_id}").status_code == 204
    problem(site.client.get(f"/v1/models/{model_id}"), 404, "not-found")
    assert stored(site) == []


def test_pages_go_back_in_time(small_site: Site, make_file: MakeFile) -> None:
    ids = [add(small_site, make_file(CONTENT)) for _ in range(5)]
    seen: list[str] = []
    more = True
    while more:
        params = {"limit": "2"} | ({"after": seen[-1]} if seen else {})
        page = small_site.client.get("/v1/models", params=params).json()
        seen += [model["id"] for model in page["data"]]
        more = page["has_more"]
    assert seen == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/file"), ("DELETE", ""), ("POST", "/predict")]
)
def test_an_unknown_model_is_not_found(small_site: Site, method: str, path: str) -> None:
    headers = {"content-type": "image/png"}
    answer = small_site.client.request(method, f"/v1/models/mdl_none{path}", headers=headers)
    assert "mdl_none" in str(problem(answer, 404, "not-found")["detail"])


def test_the_file_streams_with_its_digest(site: Site, make_file: MakeFile) -> None:
    model_id = add(site, make_file(CONTENT))
    answer = site.client.get(f"/v1/models/{model_id}/file", params={"redirect": "false"})
    assert answer.status_code == 200
    assert answer.content == CONTENT
    digest = base64.b64encode(bytes.fromhex(SHA256)).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["etag"] == f'"{SHA256}"'
    assert answer.headers["content-length"] == str(len(CONTENT))
    disposition = f'attachment; filename="{model_id}.safetensors"'
    assert answer.headers["content-disposition"] == disposition


def test_the_store_hands_the_file_out_where_it_can(site: Site, make_file: MakeFile) -> None:
    model_id = add(site, make_file(CONTENT))
    answer = site.client.get(f"/v1/models/{model_id}/file")
    if site.settings.store_url:
        assert answer.status_code == 307
        answer = httpx.get(answer.headers["location"])  # no credential but the link's own
        assert model_id in answer.headers["content-disposition"]
    assert answer.status_code == 200
    assert answer.content == CONTENT


def test_a_file_that_the_caller_has_is_not_sent_again(
    small_site: Site, make_file: MakeFile
) -> None:
    model_id = add(small_site, make_file(CONTENT))
    headers = {"If-None-Match": f'W/"other", "{SHA256}"'}
    answer = small_site.client.get(f"/v1/models/{model_id}/file", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")


def damage(site: Site, model_id: str, at: int) -> None:
    path = Path(site.settings.data_dir / "store" / blob_of(site, model_id).key)
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 1
    path.write_bytes(damaged)


@pytest.mark.parametrize("size", [CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize("at", [0, -1])
def test_a_damaged_file_never_arrives_whole(
    small_site: Site, make_file: MakeFile, size: int, at: int
) -> None:
    model_id = add(small_site, make_file(bytes(size)))
    damage(small_site, model_id, at)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        small_site.client.get(f"/v1/models/{model_id}/file")
    assert small_site.client.get(f"/v1/models/{model_id}").status_code == 200


def test_a_small_damaged_file_is_a_problem(small_site: Site, make_file: MakeFile) -> None:
    model_id = add(small_site, make_file(b"small"))
    damage(small_site, model_id, 0)
    problem(small_site.client.get(f"/v1/models/{model_id}/file"), 503, "lost-blob")


def test_a_missing_file_is_a_problem(site: Site, make_file: MakeFile) -> None:
    model_id = add(site, make_file(CONTENT))
    site.resources.store.delete(blob_of(site, model_id).key)
    answer = site.client.get(f"/v1/models/{model_id}/file", params={"redirect": "false"})
    problem(answer, 503, "lost-blob")


def test_a_file_that_two_models_share_stays_for_the_other(site: Site, make_file: MakeFile) -> None:
    one, other = (add(site, make_file(CONTENT)) for _ in range(2))
    assert blob_of(site, one).id == blob_of(site, other).id
    assert site.client.delete(f"/v1/models/{one}").status_code == 204
    answer = site.client.get(f"/v1/models/{other}/file", params={"redirect": "false"})
    assert answer.content == CONTENT
