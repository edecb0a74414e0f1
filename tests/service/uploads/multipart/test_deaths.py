"""The process dies at any line: what was under way can be gone on with, and nothing is left over
that nobody refers to."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import event, select, update

import service.uploads.multipart
from service.app import build
from service.database import now
from service.errors import ConflictError
from service.records import BlobRecord, MultipartRecord, PartRecord
from service.resources import Resources
from service.settings import Settings
from service.uploads import repository as uploads
from service.uploads.multipart import repository
from service.uploads.multipart.completing import Completing
from service.uploads.multipart.receiving import Receiving
from service.uploads.multipart.schemas import MultipartRequest
from service.uploads.multipart.service import Multiparts
from service.uploads.spool import Spooled
from tests.service.conftest import migrate

FOLDER = str(Path(service.uploads.multipart.__file__).parent)
LEAST = 1 << 16
CONTENT = b"x" * LEAST + b"y"
TENANT = "default"
SHARES = 6  # of the lines: each a test, which a busy machine ends in time


class Died(BaseException):
    """The process was killed here."""


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    """Without waiting for the disk: the process dies here, not the machine."""
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    monkeypatch.setattr(os, "fdatasync", lambda _file: None)
    settings = Settings(data_dir=tmp_path / "data")
    migrate(settings)
    resources = build(settings)

    @event.listens_for(resources.database.engine, "connect")
    def _fast(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    resources.database.dispose()  # connections from before

    yield resources
    resources.database.dispose()


def begin(resources: Resources) -> str:
    digest = hashlib.sha256(CONTENT).hexdigest()
    wanted = MultipartRequest(size=len(CONTENT), sha256=digest, part_size=LEAST)
    return resources.multiparts.begin(TENANT, wanted).id


def put(resources: Resources, folder: Path, multipart_id: str, number: int) -> None:
    body = CONTENT[(number - 1) * LEAST : number * LEAST]
    path = folder / "part"
    path.write_bytes(body)
    spooled = Spooled(path, hashlib.sha256(body).hexdigest(), len(body))
    resources.receiving.length_of(TENANT, multipart_id, number)
    resources.receiving.keep(TENANT, multipart_id, number, spooled)


def send(resources: Resources, folder: Path, multipart_id: str) -> str:
    for number in (1, 2):
        put(resources, folder, multipart_id, number)
    return resources.completing.complete(TENANT, multipart_id).id


Line = tuple[str, int]


@contextmanager
def dying(at: Line | None = None) -> Iterator[dict[Line, None]]:
    """Raises Died when this line of the package is reached; the lines that were, in order."""
    seen: dict[Line, None] = {}

    def trace(frame: FrameType, what: str, _arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(FOLDER):
            return None
        if what == "line":
            line = frame.f_code.co_filename, frame.f_lineno
            seen[line] = None
            if line == at:
                raise Died
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield seen
    finally:
        sys.settrace(before)


def lines(run: Callable[[], object]) -> list[Line]:
    with dying() as seen:
        run()
    return list(seen)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_death_at_any_line_of_sending(resources: Resources, tmp_path: Path, share: int) -> None:
    def run() -> str:
        return send(resources, tmp_path, begin(resources))

    places = lines(run)
    forget(resources)
    assert len(places) > 60
    for at in places[share::SHARES]:
        doomed = reborn(resources)
        with pytest.raises(Died), dying(at):
            send(doomed, tmp_path, begin(doomed))
        go_on(resources, tmp_path)
        forget(resources)
        nothing_is_left(resources)


def test_a_death_at_any_line_of_giving_up(resources: Resources, tmp_path: Path) -> None:
    def prepared() -> str:
        multipart_id = begin(resources)
        put(resources, tmp_path, multipart_id, 1)
        return multipart_id

    multipart_id = prepared()
    places = lines(lambda: resources.multiparts.abort(TENANT, multipart_id))
    for at in places:
        multipart_id = prepared()
        doomed = reborn(resources)
        with pytest.raises(Died), dying(at):
            doomed.multiparts.abort(TENANT, multipart_id)
        resources.multiparts.abort(TENANT, multipart_id)
        with pytest.raises(ConflictError):
            resources.completing.complete(TENANT, multipart_id)
        forget(resources)
        nothing_is_left(resources)


def test_a_death_at_any_line_of_the_sweep(resources: Resources, tmp_path: Path) -> None:
    def prepared() -> None:
        put(resources, tmp_path, begin(resources), 1)
        expire(resources)

    prepared()
    places = lines(resources.multiparts.sweep)
    for at in places:
        prepared()
        with pytest.raises(Died), dying(at):
            resources.multiparts.sweep()
        forget(resources)
        nothing_is_left(resources)


def reborn(dead: Resources) -> Resources:
    """Another process, which knows nothing and holds no lock."""
    multiparts = Multiparts(dead.settings, dead.database, dead.store, dead.blobs)
    receiving = Receiving(dead.settings, dead.database, dead.store)
    completing = Completing(dead.database, dead.store, dead.blobs, multiparts, receiving)
    return replace(dead, multiparts=multiparts, receiving=receiving, completing=completing)


def go_on(dead: Resources, folder: Path) -> None:
    """As a client does that was not answered: it looks for what is open by the digest, and sends
    everything that it is not told of."""
    resources = reborn(dead)
    digest = hashlib.sha256(CONTENT).hexdigest()
    with resources.database.read() as session:
        made, _ = uploads.page(session, TENANT, after=None, limit=10)
        found, _ = repository.page(session, TENANT, after=None, limit=10, sha256=digest, state=None)
    assert len(made) <= 1
    if made:
        assert resources.completing.complete(TENANT, found[0].id).id == made[0].id
    else:
        send(resources, folder, found[0].id if found else begin(resources))
    with resources.database.read() as session:
        (upload,), _ = uploads.page(session, TENANT, after=None, limit=10)
        assert b"".join(resources.blobs.read(upload.blob)) == CONTENT


def expire(resources: Resources) -> None:
    with resources.database.write() as session:
        over = now(session) - timedelta(seconds=1)
        session.execute(update(MultipartRecord).values(expires_at=over))


def forget(resources: Resources) -> None:
    """All uploads, and everything in parts, as housekeeping does it."""
    with resources.database.write() as session:
        made, _ = uploads.page(session, TENANT, after=None, limit=10)
        blobs = [uploads.remove(session, TENANT, upload.id) for upload in made]
    resources.blobs.release(blobs)
    expire(resources)
    resources.multiparts.sweep()
    resources.blobs.sweep(-1)


def nothing_is_left(resources: Resources) -> None:
    root = resources.settings.data_dir / "store"
    assert [path for path in root.rglob("*") if path.is_file()] == []
    with resources.database.read() as session:
        for kind in (BlobRecord, MultipartRecord, PartRecord):
            assert session.scalars(select(kind)).all() == []
