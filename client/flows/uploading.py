"""Uploads that survive a lost answer without being sent twice for nothing."""

from __future__ import annotations

from pathlib import Path

from client.call import OnBytes
from client.calls import uploads
from client.downloads import digest_of
from client.errors import ClientError, DigestError, InputError
from client.flow import Flow, Pause, ask, work
from client.records import Upload
from client.retries import may_be_over

ATTEMPTS = 4
LOOKED_AT = 100
FIRST_PAUSE = 1.0  # seconds; doubles


def upload(
    path: Path | str,
    *,
    filename: str | None = None,
    sha256: str | None = None,
    reuse: bool = True,
    on_bytes: OnBytes | None = None,
) -> Flow[Upload]:
    """Sends a file, whatever its size, in constant memory.

    When the answer is lost, the file is looked for among the newest uploads before it is sent
    again; with ``reuse`` it is looked for at once, so that what came through in an earlier run is
    not sent anew. ``sha256``: what the file is expected to be. Raises DigestError, InputError.
    """
    source = Path(path)
    found = yield from work(lambda: checked_digest(source, sha256))
    if reuse and (there := (yield from _uploaded(found, source))):
        if on_bytes is not None:
            on_bytes(there.size)
        return there
    call = uploads.send(source, sha256=found, filename=filename, on_bytes=on_bytes)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return (yield from ask(call))
        except ClientError as error:
            if not may_be_over(error) or attempt == ATTEMPTS:
                raise
            yield Pause(FIRST_PAUSE * 2 ** (attempt - 1))
            if there := (yield from _uploaded(found, source)):
                return there
    raise AssertionError  # the last attempt returns or raises


def _uploaded(sha256: str, source: Path) -> Flow[Upload | None]:
    page = yield from ask(uploads.list_(limit=LOOKED_AT))
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
