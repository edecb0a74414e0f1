"""Names over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.service.conftest import Site
from tests.service.names.conftest import add_model
from tests.service.test_app import problem


def put(site: Site, name: str, model_id: str) -> httpx.Response:
    return site.client.put(f"/v1/names/{name}", json={"model_id": model_id})


def roll_back(site: Site, name: str, **body: object) -> httpx.Response:
    return site.client.post(f"/v1/names/{name}/rollback", json=body or None)


def test_a_name_from_its_first_version_to_its_end(small_site: Site) -> None:
    one, two = (add_model(small_site.resources.database) for _ in range(2))
    made = put(small_site, "signs", one)
    assert (made.status_code, made.json()["version"]) == (201, 1)
    again = put(small_site, "signs", one)
    assert (again.status_code, again.json()) == (200, made.json())
    moved = put(small_site, "signs", two).json()
    assert (moved["version"], moved["model_id"]) == (2, two)
    assert small_site.client.get("/v1/names/signs").json() == moved
    assert [(each["version"], each["model_id"]) for each in moved["versions"]] == [
        (2, two),
        (1, one),
    ]
    assert roll_back(small_site, "signs").json()["model_id"] == one
    assert roll_back(small_site, "signs", version=2).json()["model_id"] == two
    listed = small_site.client.get("/v1/names").json()
    assert [(each["name"], each["version"]) for each in listed["data"]] == [("signs", 2)]
    assert small_site.client.delete("/v1/names/signs").status_code == 204
    problem(small_site.client.get("/v1/names/signs"), 404, "not-found")
    assert small_site.client.get(f"/v1/models/{one}").status_code == 200


def test_what_cannot_be_done_says_why(small_site: Site) -> None:
    model_id = add_model(small_site.resources.database)
    problem(put(small_site, "signs", "mdl_none"), 404, "not-found")
    problem(small_site.client.get("/v1/names/signs"), 404, "not-found")
    problem(put(small_site, "mdl_x", model_id), 422, "invalid-request")
    problem(put(small_site, "sch%C3%B6n", model_id), 422, "invalid-request")
    body = small_site.client.put("/v1/names/signs", json={"model": model_id})
    problem(body, 422, "invalid-request")
    problem(roll_back(small_site, "signs"), 404, "not-found")
    problem(small_site.client.delete("/v1/names/signs"), 404, "not-found")
    put(small_site, "signs", model_id)
    problem(roll_back(small_site, "signs"), 409, "conflict")
    problem(roll_back(small_site, "signs", version=2), 404, "not-found")
    problem(roll_back(small_site, "signs", version=0), 422, "invalid-request")


def test_a_model_with_a_name_is_not_deleted(small_site: Site) -> None:
    one, two = (add_model(small_site.resources.database) for _ in range(2))
    put(small_site, "signs", one)
    refused = small_site.client.delete(f"/v1/models/{one}")
    assert "'signs'" in str(problem(refused, 409, "conflict")["detail"])
    put(small_site, "signs", two)
    assert small_site.client.delete(f"/v1/models/{one}").status_code == 204
    assert small_site.client.get("/v1/names/signs").json()["versions"][1]["model_id"] is None


@pytest.mark.parametrize("count", [6])
def test_names_are_made_by_several_at_once(site: Site, count: int) -> None:
    ids = [add_model(site.resources.database) for _ in range(count)]
    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(lambda model_id: put(site, "signs", model_id), ids))
    assert sorted(answer.status_code for answer in answers) == [200] * (count - 1) + [201]
    assert site.client.get("/v1/names/signs").json()["version"] == count
