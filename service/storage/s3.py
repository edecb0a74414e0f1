"""S3-compatible object storage through boto3: multipart, bounded retries, time limits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import botocore.session
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.loaders import Loader, create_loader
from botocore.response import StreamingBody

from service.settings import Settings
from service.storage.base import CHUNK, Parts, StoredObject
from service.storage.s3_errors import translated_errors
from service.storage.s3_parts import S3Parts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20)


def s3_client(settings: Settings) -> S3Client:
    """A client with our time limits and retries; credentials from the settings, or boto3's own."""
    secret = settings.s3_secret_access_key
    return _session().client(
        "s3",
        endpoint_url=str(settings.s3_endpoint_url) if settings.s3_endpoint_url else None,
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        region_name=settings.s3_region,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if settings.s3_endpoint_url else "auto"},
            connect_timeout=min(5.0, settings.store_timeout_seconds),
            read_timeout=settings.store_timeout_seconds,  # between two pieces of an answer
            retries={"mode": "standard", "total_max_attempts": 3},  # with jitter
            request_checksum_calculation=settings.s3_checksums.value,
            response_checksum_validation=settings.s3_checksums.value,
        ),
    )


def _session() -> boto3.session.Session:
    """A new one each time: boto3's default session must not be used by several threads."""
    inner = botocore.session.get_session()
    session = boto3.session.Session(botocore_session=inner)  # adds a folder to a loader of its own
    inner.register_component("data_loader", _descriptions(inner.get_config_variable("data_path")))
    return session


@cache
def _descriptions(folders: str | None) -> Loader:
    """What boto3 knows of AWS's services, read once in a process: a megabyte of JSON."""
    return create_loader(folders)


def link_client(settings: Settings) -> S3Client | None:
    """A client that makes links which users can follow: signed for the address that they reach.

    None where they reach none: with an endpoint of its own, which may be an inner one, and no
    public address beside it.
    """
    if settings.s3_endpoint_url is None:
        return s3_client(settings)
    if settings.s3_public_url is None:
        return None
    return s3_client(settings.model_copy(update={"s3_endpoint_url": settings.s3_public_url}))


class S3Store:
    """See :class:`service.storage.base.Store`. A PUT and the end of a multipart upload are atomic
    on the server, so an object is there whole or not at all."""

    def __init__(
        self, client: S3Client, bucket: str, prefix: str, links: S3Client | None = None
    ) -> None:
        self._client = client
        self._links = links
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.parts: Parts = S3Parts(client, bucket, self._prefix, links)

    def put(self, key: str, path: Path) -> None:
        with translated_errors():
            self._client.upload_file(str(path), self._bucket, self._prefix + key, Config=_TRANSFER)

    def take(self, key: str, path: Path) -> None:
        self.put(key, path)

    def read(self, key: str) -> Iterator[bytes]:
        with translated_errors():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        return iter_body(answer["Body"])

    def delete(self, key: str) -> None:
        with translated_errors():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        with translated_errors():
            for page in pages:
                for item in page.get("Contents", []):
                    key = item["Key"].removeprefix(self._prefix)
                    yield StoredObject(key, item["Size"], item["LastModified"])

    def tidy(self, older_than: float, keep: Collection[str] = ()) -> int:
        cutoff = datetime.now(UTC) - timedelta(seconds=older_than)
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        aborted = 0
        with translated_errors():
            for page in pages:
                for begun in page.get("Uploads", []):
                    if begun["Initiated"] < cutoff and begun["UploadId"] not in keep:
                        key = begun["Key"].removeprefix(self._prefix)
                        aborted += self.parts.abandon(key, begun["UploadId"])
        return aborted

    def presigned_url(self, key: str, *, filename: str, seconds: int) -> str | None:
        if self._links is None:
            return None
        parameters = {
            "Bucket": self._bucket,
            "Key": self._prefix + key,
            "ResponseContentDisposition": f'attachment; filename="{filename}"',
        }
        return self._links.generate_presigned_url("get_object", parameters, ExpiresIn=seconds)

    def ping(self) -> None:
        with translated_errors():
            self._client.head_bucket(Bucket=self._bucket)


def iter_body(body: StreamingBody) -> Iterator[bytes]:
    """Chunks of a GET's body; a broken connection becomes UnavailableError."""
    with translated_errors():
        yield from body.iter_chunks(CHUNK)
