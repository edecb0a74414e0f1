"""The application around its rooms: probes, headers, ids, problems, limits."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError

from service.errors import BusyError, ServiceError, UnavailableError
from service.problems import MEDIA_TYPE
from service.settings import Settings
from tests.service.conftest import Site, running


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, object]:
    """The body of a problem, after checking its form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    body = response.json()
    assert body["type"] == f"urn:polarizer:problem:{slug}"
    assert body["status"] == status
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["title"]
    assert body["detail"]
    return body


def test_probes(site: Site) -> None:
    assert site.client.get("/healthz").json() == {"status": "ok"}
    ready = site.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["parts"] == {"database": "ok", "store": "ok", "broker": "ok"}


def test_a_missing_part_is_named(small_site: Site) -> None:
    small_site.settings.data_dir.joinpath("store").write_text("not a folder")
    ready = small_site.client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["status"] == "unavailable"
    assert ready.json()["parts"]["store"] != "ok"
    assert ready.json()["parts"]["database"] == "ok"
    assert small_site.client.get("/healthz").status_code == 200


def test_unknown_paths_and_methods_are_problems(quiet_site: Site) -> None:
    problem(quiet_site.client.get("/v1/nothing"), 404, "not-found")
    refused = quiet_site.client.put("/healthz")
    problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET"
    several = quiet_site.client.put("/v1/defenses")
    assert several.headers["allow"] == "GET, POST", "of all routes at this path"


@pytest.mark.parametrize("path", ["/healthz", "/v1/nothing", "/openapi.json"])
def test_every_answer_has_safe_headers(quiet_site: Site, path: str) -> None:
    headers = quiet_site.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize(
    ("given", "taken"), [("job-7.x_Y", True), ("a" * 65, False), ("x\ty", False), ("", False)]
)
def test_a_decent_request_id_is_kept(quiet_site: Site, given: str, taken: bool) -> None:
    response = quiet_site.client.get("/healthz", headers={"X-Request-ID": given})
    assert (response.headers["x-request-id"] == given) is taken
    assert response.headers["x-request-id"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_other_sites_change_nothing(quiet_site: Site, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    problem(
        quiet_site.client.post("/v1/uploads", content=b"x", headers=headers), 403, "foreign-site"
    )
    assert quiet_site.client.get("/docs", headers=headers).status_code == 200
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert quiet_site.client.post("/v1/uploads", content=b"x", headers=headers).is_success


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:1", True),
        ("[::1]:8000", True),
        ("example.org", False),
        ("127.0.0.1.example.org", False),
        ("localhost.example.org:8000", False),
        ("10.0.0.1", False),
        ("[::1", False),
    ],
)
def test_names_of_other_machines_lead_nowhere(quiet_site: Site, host: str, taken: bool) -> None:
    response = quiet_site.client.get("/v1/uploads", headers={"Host": host})
    if taken:
        assert response.status_code == 200
    else:
        assert response.status_code in (400, 403), response.text
        assert response.headers["content-type"] == MEDIA_TYPE


def test_a_service_for_others_has_any_name(embedded: Settings) -> None:
    settings = embedded.model_copy(update={"host": "0.0.0.0", "allow_anonymous": True})
    with running(settings) as site:
        response = site.client.get("/v1/uploads", headers={"Host": "polarizer.example.org"})
        assert response.status_code == 200


def test_a_declared_body_over_the_limit_is_not_read(quiet_site: Site) -> None:
    with socket.create_connection(quiet_site.host(), timeout=10) as connection:
        connection.sendall(
            b"POST /v1/defenses/x/cancel HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


@pytest.fixture
def broken(small_site: Site) -> Site:
    """A service with an endpoint for each way to fail."""
    app = small_site.server.config.app
    assert isinstance(app, FastAPI)
    raised = {
        "unforeseen": RuntimeError("secret /path/to/a/file"),
        "database": OperationalError("SELECT secret", {}, Exception("secret")),
        "busy": BusyError("later", retry_after=7),
        "away": UnavailableError("the store is away"),
    }

    @app.get("/fail/{way}")
    def fail(way: str) -> None:
        raise raised[way]

    @app.post("/echo")
    def echo(body: dict[str, int]) -> int:
        return len(body)

    return small_site


def test_an_unforeseen_error_tells_nothing(
    broken: Site, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    response = broken.client.get("/fail/unforeseen")
    body = problem(response, 500, "internal")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"
    logged = caplog.text + "".join(capsys.readouterr())
    assert "unexpected_error" in logged
    assert str(body["request_id"]) in logged


@pytest.mark.parametrize(
    ("way", "status", "slug", "retry_after"),
    [
        ("database", 503, "unavailable", "5"),
        ("away", 503, "unavailable", "5"),
        ("busy", 429, "busy", "7"),
    ],
)
def test_what_passes_says_when_to_try_again(
    broken: Site, way: str, status: int, slug: str, retry_after: str
) -> None:
    response = broken.client.get(f"/fail/{way}")
    problem(response, status, slug)
    assert response.headers["retry-after"] == retry_after
    assert "secret" not in response.text


def test_validation_errors_are_bounded_and_echo_nothing(broken: Site) -> None:
    response = broken.client.post("/echo", json={f"secret-{i}": "secret" for i in range(500)})
    body = problem(response, 422, "invalid-request")
    assert isinstance(body["errors"], list)
    assert len(body["errors"]) == 20
    assert set(body["errors"][0]) == {"loc", "msg", "type"}
    assert "input" not in response.text


def test_a_chunked_body_over_the_limit_is_refused(broken: Site) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"a": "'
        for _ in range(100):
            yield b"x" * 10_000

    headers = {"Content-Type": "application/json"}
    response = broken.client.post("/echo", content=chunks(), headers=headers)
    problem(response, 413, "too-large")
    assert broken.client.post("/echo", json={"a": 1}).json() == 1


def test_invalid_json_is_a_problem(broken: Site) -> None:
    headers = {"Content-Type": "application/json"}
    problem(broken.client.post("/echo", content=b"{", headers=headers), 422, "invalid-request")


def _leaves(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _leaves(child)


def test_every_error_has_its_own_type() -> None:
    slugs = [kind.slug for kind in _leaves(ServiceError)]
    assert len(slugs) == len(set(slugs))


def test_the_web_process_loads_no_torch() -> None:
    program = (
        "import sys, json; from pathlib import Path; from service.app import create_app;"
        "from service.settings import Settings; import service.__main__;"
        "create_app(Settings(data_dir=Path('unused')));"
        "print(json.dumps([m for m in ('torch', 'transformers') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert json.loads(done.stdout) == []


def test_the_document_is_complete(quiet_site: Site) -> None:
    document = quiet_site.client.get("/openapi.json").json()
    operations = [op for path in document["paths"].values() for op in path.values()]
    ids = [op["operationId"] for op in operations]
    assert len(ids) == len(set(ids))
    for operation in operations:
        assert operation["tags"], operation["operationId"]
        assert operation.get("description"), operation["operationId"]
        protocol = operation["tags"] == ["open inference protocol"]
        for status, response in operation["responses"].items():
            if status >= "400" and operation["tags"] != ["health"]:
                kind = "application/json" if protocol else MEDIA_TYPE
                assert list(response["content"]) == [kind], operation["operationId"]
    _resolve_all(document, document)


def test_headers_that_callers_act_upon_are_in_the_document(quiet_site: Site) -> None:
    paths = quiet_site.client.get("/openapi.json").json()["paths"]
    created = paths["/v1/defenses"]["post"]["responses"]
    assert created["202"]["headers"]["Location"]["required"]
    for headers in (
        created["202"]["headers"],
        created["429"]["headers"],
        created["503"]["headers"],
    ):
        assert headers["Retry-After"]["schema"]["type"] == "integer"


def _resolve_all(node: object, document: dict[str, object]) -> None:
    if isinstance(node, list):
        for item in node:
            _resolve_all(item, document)
    elif isinstance(node, dict):
        target: object = document
        for part in str(node.get("$ref", "#")).split("/")[1:]:
            assert isinstance(target, dict)
            target = target[part]
        for item in node.values():
            _resolve_all(item, document)
