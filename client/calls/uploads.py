"""``/v1/uploads``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from client.call import Call, FileBody, OnBytes, nothing, record
from client.calls.paging import page_params
from client.records import Page, Upload

ROOT = "/v1/uploads"


def send(
    path: Path,
    *,
    sha256: str,
    filename: str | None = None,
    on_bytes: OnBytes | None = None,
    on_start: Callable[[], None] | None = None,
) -> Call[Upload]:
    """Sends a file once; other bytes than those of ``sha256`` are refused. Most callers want
    ``uploads.create``, which survives a broken connection."""
    return Call(
        "POST",
        ROOT,
        record(Upload),
        params={"sha256": sha256, "filename": filename or path.name},
        headers={"content-type": "application/octet-stream"},
        content=FileBody(path, on_bytes, on_start),
        repeatable=False,
    )


def list_(
    *, limit: int = 20, after: str | None = None, sha256: str | None = None
) -> Call[Page[Upload]]:
    """Uploads, newest first; ``sha256``: of these bytes only."""
    params = {**page_params(limit, after), "sha256": sha256}
    return Call("GET", ROOT, record(Page[Upload]), params=params)


def get(upload_id: str) -> Call[Upload]:
    """One upload."""
    return Call("GET", f"{ROOT}/{upload_id}", record(Upload))


def delete(upload_id: str) -> Call[None]:
    """Forgets an upload; defenses that were made from it keep their input."""
    return Call("DELETE", f"{ROOT}/{upload_id}", nothing)
