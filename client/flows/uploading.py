"""Uploads that survive a lost answer without being sent twice for nothing."""

from __future__ import annotations

from pathlib import Path

from client.call import OnBytes
from client.calls import uploads
from client.downloads import digest_of
from client.errors import DigestError, InputError
from client.flow import Flow, ask, work
from client.flows.once import once
from client.flows.parts import Counter, Whole, begin, send_parts
from client.records import Upload

PARTS_FROM = 64 << 20  # bytes
LOOKED_AT = 100


def upload(
    path: Path | str,
    *,
    filename: str | None = None,
    sha256: str | None = None,
    reuse: bool = True,
    on_bytes: OnBytes | None = None,
    parts_from: int = PARTS_FROM,
    part_size: int | None = None,
) -> Flow[Upload]:
    """Sends a file, whatever its size, in constant memory.

    From ``parts_from`` bytes on it goes in parts, and what broke off, also in an earlier run, is
    gone on with. When the answer to a smaller file is lost, it is looked for among the newest
    uploads before it is sent again; with ``reuse`` every file is looked for at once, so that what
    came through in an earlier run is not sent anew. ``sha256``: what the file is expected to be.
    ``part_size``: a wish, in bytes. ``on_bytes`` is told a negative number when bytes have to be
    sent again. Raises DigestError, InputError.
    """
    source = Path(path)
    found = yield from work(lambda: checked_digest(source, sha256))
    if reuse and (there := (yield from _uploaded(found, source))):
        if on_bytes is not None:
            on_bytes(there.size)
        return there
    whole = Whole(source, found, source.stat().st_size, filename or source.name)
    if whole.size >= parts_from:
        begun = yield from begin(whole, resume=reuse, part_size=part_size)
        if begun is not None:
            return (yield from send_parts(whole, begun, on_bytes))
    return (yield from _send(whole, on_bytes))


def _send(whole: Whole, on_bytes: OnBytes | None) -> Flow[Upload]:
    counter = Counter(on_bytes)
    call = uploads.send(
        whole.path,
        sha256=whole.sha256,
        filename=whole.filename,
        on_bytes=counter.add,
        on_start=counter.restart,
    )
    return (yield from once(call, lambda: _uploaded(whole.sha256, whole.path)))


def _uploaded(sha256: str, source: Path) -> Flow[Upload | None]:
    page = yield from ask(uploads.list_(limit=LOOKED_AT, sha256=sha256))
    size = source.stat().st_size
    same = (item for item in page.data if item.sha256 == sha256 and item.size == size)
    return next(same, None)


def checked_digest(path: Path, expected: str | None) -> str:
    """SHA-256 of a file. Raises InputError when it cannot be read, DigestError when it is not the
    one that was expected."""
    try:
        found = digest_of(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if expected is not None and found != expected.lower():
        raise DigestError(f"{path} has the digest {found}, not {expected}")
    return found
