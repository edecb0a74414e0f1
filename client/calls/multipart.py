"""``/v1/multipart-uploads``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from client.call import Call, FileBody, OnBytes, nothing, record
from client.calls.paging import page_params
from client.records import KeptPart, Multipart, Page, Upload

ROOT = "/v1/multipart-uploads"
READING_SECONDS = 900.0  # the service reads the whole file before it answers


def begin(
    *, size: int, sha256: str, filename: str | None = None, part_size: int | None = None
) -> Call[Multipart]:
    """Begins an upload of ``size`` bytes. ``part_size`` is a wish; the answer says what it is."""
    asked = {"size": size, "sha256": sha256, "filename": filename, "part_size": part_size}
    wanted = {name: value for name, value in asked.items() if value is not None}
    return Call("POST", ROOT, record(Multipart), json=wanted, repeatable=False)


def list_(
    *,
    sha256: str | None = None,
    state: str | None = None,
    limit: int = 20,
    after: str | None = None,
) -> Call[Page[Multipart]]:
    """Uploads in parts, newest first; of this file, in this state."""
    params = {**page_params(limit, after), "sha256": sha256, "state": state}
    return Call("GET", ROOT, record(Page[Multipart]), params=params)


def get(multipart_id: str) -> Call[Multipart]:
    """One upload in parts."""
    return Call("GET", f"{ROOT}/{multipart_id}", record(Multipart))


def parts(multipart_id: str, *, after: int = 0, limit: int = 100) -> Call[Page[KeptPart]]:
    """What the service has of it, by number."""
    params = {"after": after, "limit": limit}
    return Call("GET", f"{ROOT}/{multipart_id}/parts", record(Page[KeptPart]), params=params)


def put(
    multipart_id: str,
    number: int,
    path: Path,
    *,
    start: int,
    length: int,
    sha256: str | None = None,
    on_bytes: OnBytes | None = None,
    on_start: Callable[[], None] | None = None,
) -> Call[KeptPart]:
    """Sends one part: ``length`` bytes of the file from ``start`` on."""
    return Call(
        "PUT",
        f"{ROOT}/{multipart_id}/parts/{number}",
        record(KeptPart),
        params={"sha256": sha256},
        headers={"content-type": "application/octet-stream"},
        content=FileBody(path, on_bytes, on_start, start, length),
    )


def complete(multipart_id: str) -> Call[Upload]:
    """Makes the parts an upload; again, the same one."""
    address = f"{ROOT}/{multipart_id}/complete"
    return Call("POST", address, record(Upload), wait=READING_SECONDS)


def abort(multipart_id: str) -> Call[None]:
    """Gives it up; again, nothing happens."""
    return Call("DELETE", f"{ROOT}/{multipart_id}", nothing)
