"""Everything of a tenant brought here; everything of a tenant deleted, and the proof checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

from client.account import Erasure
from client.archives import Archive
from client.call import OnBytes
from client.calls import tenant
from client.errors import DigestError
from client.flow import Fetch, Flow, Pause, ask, work

POLL_SECONDS = 2.0


def export(path: Path | str, *, on_bytes: OnBytes | None = None) -> Flow[Path]:
    """Brings the archive of everything that the tenant owns, and checks every digest in it. Raises
    DigestError."""
    archive = Archive(tenant.EXPORT, Path(path), on_bytes=on_bytes)
    yield Fetch(archive)
    return (yield from work(archive.finish))


def erase_and_wait(*, confirm: str) -> Flow[tuple[Erasure, bytes]]:
    """Deletes everything of the tenant, waits for it, and returns the certificate, which is the one
    that the erasure tells of. Raises DigestError."""
    erasure = yield from ask(tenant.erase(confirm=confirm))
    while erasure.finished_at is None:
        yield Pause(POLL_SECONDS)
        erasure = yield from ask(tenant.erasure(erasure.id))
    proof = yield from ask(tenant.certificate(erasure.id))
    if hashlib.sha256(proof).hexdigest() != erasure.sha256:
        raise DigestError(f"the certificate of {erasure.id} is not the one that was signed off")
    return erasure, proof
