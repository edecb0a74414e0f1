"""What lies below an ``s3://bucket/prefix/``, as one zip: a folder of images, or one of a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from service.errors import LostBlobError, SourceRefusedError, TooLargeError, UnavailableError
from service.settings import Settings
from service.storage.s3 import iter_body, s3_client
from service.storage.s3_errors import translated_errors
from service.storage.sources import parts_of, require_allowed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_OBJECTS = 20_000
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def fetch_prefix(
    uri: str,
    path: Path,
    settings: Settings,
    *,
    choose: Callable[[Collection[str]], Collection[str]],
    check: Callable[[], None] = lambda: None,
) -> str:
    """Writes the objects below ``uri``, which ends with a slash, to a zip at ``path``; its sha256.

    ``choose`` picks among their names below the prefix; hidden ones are not offered. The same
    objects give the same bytes: sorted names, one date, no compression. ``check`` is called between
    two pieces and may raise to stop. Raises what :func:`fetch_source` raises, LostBlobError where
    there is nothing to take, TooLargeError for too many objects or bytes.
    """
    require_allowed(uri, settings)
    bucket, prefix = parts_of(uri)
    client = s3_client(settings)
    sizes = _listed(client, bucket, prefix, uri, check)
    names = sorted(choose(sizes))
    if not names:
        raise LostBlobError(f"{uri} holds no file that could be used, or may not be read")
    if sum(sizes[name] for name in names) > settings.max_upload_bytes:
        raise TooLargeError(f"{uri} holds more than {settings.max_upload_bytes} bytes")
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for name in names:
            _pack(archive, client, (bucket, prefix), name, sizes[name], check)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(
    client: S3Client, bucket: str, prefix: str, uri: str, check: Callable[[], None]
) -> dict[str, int]:
    """Sizes in bytes by names below the prefix."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found: dict[str, int] = {}
    with translated_errors():
        for page in pages:
            check()
            for item in page.get("Contents", []):
                name = item["Key"].removeprefix(prefix)
                if _is_file(name, uri):
                    found[name] = item["Size"]
            if len(found) > MOST_OBJECTS:
                raise TooLargeError(
                    f"{uri} holds more than {MOST_OBJECTS} objects; pack them into an archive"
                )
    return found


def _is_file(name: str, uri: str) -> bool:
    """Neither a folder's mark nor hidden. Raises SourceRefusedError for a name that no archive
    should carry."""
    if not name or name.endswith("/"):
        return False
    steps = name.split("/")
    if not name.isprintable() or "\\" in name or any(step in ("", ".", "..") for step in steps):
        raise SourceRefusedError(f"{uri} holds an object with an unusable name: {name!r:.200}")
    return not any(step.startswith(".") for step in steps)


def _pack(
    archive: ZipFile,
    client: S3Client,
    place: tuple[str, str],
    name: str,
    size: int,
    check: Callable[[], None],
) -> None:
    bucket, prefix = place
    entry = ZipInfo(name, _EPOCH)
    entry.external_attr = _READABLE
    entry.file_size = size  # tells whether it takes wide sizes
    with translated_errors():
        answer = client.get_object(Bucket=bucket, Key=prefix + name)
    written = 0
    with archive.open(entry, "w") as sink:
        for chunk in iter_body(answer["Body"]):
            check()
            written += len(chunk)
            if written > size:
                break
            sink.write(chunk)
    if written != size:
        raise UnavailableError(f"{name} below s3://{bucket}/{prefix} changed while it was read")
