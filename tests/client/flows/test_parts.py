"""Large files over a bad connection, against a real service."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from client import AsyncPolarizer, ConflictError, Polarizer, RejectedError, Retries
from client.flows import once, parts
from service.settings import Settings
from service.uploads import repository
from tests.service.conftest import Site, migrate, running

PART = 1 << 16  # the least that a folder takes
SIZE = 3 * PART + 5
PARTS = 4


class Killed(BaseException):
    """This process was killed here."""


Trouble = Callable[[httpx.Request], httpx.Response | None]
"""What becomes of a request before it is sent: None lets it through."""


class Bad(httpx.BaseTransport):
    """A connection with trouble before requests, and answers that are lost on the way back."""

    def __init__(self, before: Trouble | None = None, lose: Trouble | None = None) -> None:
        self._real = httpx.HTTPTransport()
        self._before = before or (lambda _request: None)
        self._lose = lose or (lambda _request: None)
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        said = self._before(request)
        if said is not None:
            return said
        answer = self._real.handle_request(request)
        answer.read()
        self._lose(request)
        return answer

    def count(self, method: str, end: str = "") -> int:
        return sum(one.startswith(f"{method} ") and end in one for one in self.asked)

    def close(self) -> None:
        self._real.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("parts"), max_upload_bytes=8 << 20)
    migrate(settings)
    with running(settings) as site:
        yield site


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(parts, "ASK_AGAIN", 0.0)


@pytest.fixture
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(random.Random(request.node.name).randbytes(SIZE))
    return path


def send(site: Site, path: Path, transport: Bad, told: list[int] | None = None) -> str:
    retries = Retries(attempts=3, draw=lambda _most: 0.0)
    with Polarizer(site.url, transport=transport, retries=retries) as service:
        listener = None if told is None else told.append
        upload = service.uploads.create(path, parts_from=1, part_size=PART, on_bytes=listener)
    assert upload.size == SIZE
    assert stored(site, upload.id) == path.read_bytes()
    return upload.id


def stored(site: Site, upload_id: str) -> bytes:
    with site.resources.database.read() as session:
        record = repository.get(session, "default", upload_id)
    return b"".join(site.resources.blobs.read(record.blob))


def at(number: int, method: str, end: str, happens: Callable[[], httpx.Response]) -> Trouble:
    """At so many requests of this kind, that; the others go through."""
    seen = 0

    def trouble(request: httpx.Request) -> httpx.Response | None:
        nonlocal seen
        if request.method != method or end not in request.url.path:
            return None
        seen += 1
        return happens() if seen == number else None

    return trouble


def broken() -> httpx.Response:
    raise httpx.ReadError("the connection broke")


def killed() -> httpx.Response:
    raise Killed


def test_it_arrives_whole(site: Site, path: Path) -> None:
    told: list[int] = []
    way = Bad()
    send(site, path, way, told)
    assert way.count("PUT") == PARTS
    assert sum(told) == SIZE
    again = Bad()
    send(site, path, again)
    assert again.count("PUT") == again.count("POST") == 0, "it was there"


def test_a_killed_command_goes_on_where_it_was(site: Site, path: Path) -> None:
    with pytest.raises(Killed):
        send(site, path, Bad(before=at(3, "PUT", "/parts/", killed)))
    told: list[int] = []
    way = Bad()
    send(site, path, way, told)
    assert [one for one in way.asked if one.startswith("PUT")] == [
        one for one in way.asked if "/parts/3" in one or "/parts/4" in one
    ]
    assert way.count("PUT") == 2
    assert sum(told) == SIZE


@pytest.mark.parametrize(
    ("method", "end"),
    [("POST", "/v1/multipart-uploads"), ("PUT", "/parts/2"), ("POST", "/complete")],
    ids=["begin", "part", "complete"],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_broken_connection_costs_one_call(
    site: Site, path: Path, method: str, end: str, when: str
) -> None:
    trouble = at(1, method, end, broken)
    way = Bad(before=trouble) if when == "before" else Bad(lose=trouble)
    told: list[int] = []
    send(site, path, way, told)
    assert sum(told) == SIZE
    with Polarizer(site.url) as service:
        assert service.multiparts.list(state="open").data == [], "nothing was begun twice"


def test_retry_after_is_obeyed(site: Site, path: Path) -> None:
    def busy() -> httpx.Response:
        return httpx.Response(503, headers={"retry-after": "7"})

    slept: list[float] = []
    way = Bad(before=at(2, "PUT", "/parts/", busy))
    retries = Retries(draw=lambda _most: 0.0)
    with Polarizer(site.url, transport=way, retries=retries) as service:
        service.uploads._sender._sleep = slept.append
        service.uploads.create(path, parts_from=1, part_size=PART)
    assert slept == [7.0]
    assert way.count("PUT") == PARTS + 1


def test_a_completion_under_way_is_waited_for(site: Site, path: Path) -> None:
    body = {"type": "urn:polarizer:problem:in-progress", "title": "x", "detail": "x", "status": 409}
    left = 20

    def under_way(request: httpx.Request) -> httpx.Response | None:
        nonlocal left
        if not request.url.path.endswith("/complete") or not left:
            return None
        left -= 1
        return httpx.Response(409, json=body, headers={"retry-after": "0"})

    send(site, path, Bad(before=under_way))
    assert left == 0


def test_a_part_with_other_bytes_is_sent_again(site: Site, path: Path) -> None:
    with pytest.raises(Killed):
        send(site, path, Bad(before=at(3, "PUT", "/parts/", killed)))
    with Polarizer(site.url) as service:
        (begun,) = service.multiparts.list(state="open").data
        other = path.with_name("other")
        other.write_bytes(bytes(SIZE))
        service.multiparts.put(begun.id, 1, other, start=0, length=PART)
    way = Bad()
    send(site, path, way)
    assert way.count("PUT") == 3


def test_a_service_without_parts_gets_it_in_one_piece(site: Site, path: Path) -> None:
    def older(request: httpx.Request) -> httpx.Response | None:
        unknown = "multipart" in request.url.path
        return httpx.Response(404, json={"detail": "Not Found"}) if unknown else None

    told: list[int] = []
    way = Bad(before=older)
    send(site, path, way, told)
    assert way.count("PUT") == 0
    assert way.count("POST", "/v1/uploads") == 1
    assert sum(told) == SIZE


def test_a_refusal_is_final(site: Site, path: Path) -> None:
    path.write_bytes(bytes(site.settings.max_upload_bytes + 1))
    with pytest.raises(RejectedError, match="may have"):
        send(site, path, Bad())


def test_given_up_in_between(site: Site, path: Path) -> None:
    def give_up(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PUT" and request.url.path.endswith("/parts/2"):
            with Polarizer(site.url) as service:
                service.multiparts.abort(request.url.path.split("/")[3])
        return None

    with pytest.raises(ConflictError, match="aborted"):
        send(site, path, Bad(before=give_up))
    send(site, path, Bad())


def test_in_an_event_loop(site: Site, path: Path) -> None:
    told: list[int] = []

    async def run() -> str:
        async with AsyncPolarizer(site.url) as service:
            upload = await service.uploads.create(
                path, parts_from=1, part_size=PART, on_bytes=told.append
            )
            return upload.id

    assert stored(site, anyio.run(run)) == path.read_bytes()
    assert sum(told) == SIZE
