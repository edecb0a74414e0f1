"""From ``POLARIZER_STORE_URL`` to a store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from service.settings import Settings
from service.storage.base import Store
from service.storage.local import LocalStore


def open_store(settings: Settings) -> Store:
    """The store that the settings name. Raises ValueError for another scheme."""
    url = urlsplit(settings.store)
    if url.scheme == "file":
        return LocalStore(Path(unquote(url.path)))
    if url.scheme == "s3" and url.netloc:
        from service.storage.s3 import S3Store, link_client, s3_client  # and boto3 with it

        return S3Store(s3_client(settings), url.netloc, url.path, link_client(settings))
    raise ValueError(
        f"POLARIZER_STORE_URL must be s3://bucket/prefix or file:///folder, not {settings.store!r}"
    )
