"""Clean data by reference: ``s3://`` objects in buckets and prefixes that the settings allow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from service.errors import LostBlobError, SourceRefusedError, TooLargeError
from service.settings import Settings

_URI = re.compile(
    r"s3://(?P<bucket>[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?)/(?P<key>[^\x00-\x1f\x7f]+)"
)


def require_allowed(uri: str, settings: Settings) -> None:
    """Raises SourceRefusedError unless the URI lies under one of ``POLARIZER_SOURCES``."""
    _, key = parts_of(uri)
    if "?" in key or "#" in key or any(_leads_elsewhere(step) for step in _steps(key)):
        raise SourceRefusedError(f"{uri!r} must be a plain s3://bucket/key")
    if not any(_lies_under(uri, source) for source in settings.sources):
        allowed = ", ".join(settings.sources) or "none; set POLARIZER_SOURCES"
        raise SourceRefusedError(f"{uri!r} is not in an allowed source ({allowed})")


def fetch_source(
    uri: str, path: Path, settings: Settings, *, check: Callable[[], None] = lambda: None
) -> str:
    """Copies an allowed object to ``path`` and returns its sha256.

    ``check`` is called between two chunks and may raise to stop.
    Raises SourceRefusedError, LostBlobError (no such key), TooLargeError, UnavailableError.
    """
    from service.storage.s3 import iter_body, s3_client  # boto3: who only checks does without
    from service.storage.s3_errors import translated_errors

    require_allowed(uri, settings)
    bucket, key = parts_of(uri)
    digest, size = hashlib.sha256(), 0
    try:
        with translated_errors():
            answer = s3_client(settings).get_object(Bucket=bucket, Key=key)
    except LostBlobError as error:
        raise LostBlobError(f"{uri} does not exist or may not be read") from error
    with path.open("wb") as sink:
        for chunk in iter_body(answer["Body"]):
            check()
            size += len(chunk)
            if size > settings.max_upload_bytes:
                raise TooLargeError(f"{uri} is larger than {settings.max_upload_bytes} bytes")
            digest.update(chunk)
            sink.write(chunk)
    return digest.hexdigest()


def parts_of(uri: str) -> tuple[str, str]:
    """Bucket and key exactly as they are written: what is compared is what is asked for.

    Raises SourceRefusedError for anything else.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise SourceRefusedError(f"{uri!r} is not s3://bucket/key; other schemes are never fetched")
    return found["bucket"], found["key"]


def _steps(key: str) -> list[str]:
    """As a server might take it apart that keeps objects as files, or decodes once too often."""
    return unquote(unquote(key)).replace("\\", "/").split("/")


def _leads_elsewhere(step: str) -> bool:
    return step in (".", "..")


def _lies_under(uri: str, source: str) -> bool:
    prefix = source.rstrip("/")
    return prefix.startswith("s3://") and (uri == prefix or uri.startswith(f"{prefix}/"))
