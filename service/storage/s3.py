"""S3-compatible object storage through boto3: multipart, bounded retries, time limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.response import StreamingBody

from service.errors import LostBlobError, UnavailableError
from service.settings import Settings
from service.storage.base import CHUNK, StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING = {"NoSuchKey", "404", "NotFound"}
_TRANSFER = TransferConfig(multipart_threshold=16 << 20, multipart_chunksize=16 << 20)


def s3_client(settings: Settings) -> S3Client:
    """A client with our time limits and retries; credentials from the settings, or boto3's own."""
    secret = settings.s3_secret_access_key
    session = boto3.session.Session()  # boto3's default session must not be used by several threads
    return session.client(
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

    def put(self, key: str, path: Path) -> None:
        with translated_errors():
            self._client.upload_file(str(path), self._bucket, self._prefix + key, Config=_TRANSFER)

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

    def tidy(self, older_than: float) -> int:
        cutoff = datetime.now(UTC) - timedelta(seconds=older_than)
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        aborted = 0
        with translated_errors():
            for page in pages:
                for begun in page.get("Uploads", []):
                    if begun["Initiated"] < cutoff:
                        aborted += self._abort(begun["Key"], begun["UploadId"])
        return aborted

    def _abort(self, key: str, upload_id: str) -> bool:
        """Whether it was still there."""
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
        except self._client.exceptions.NoSuchUpload:
            return False
        return True

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


@contextmanager
def translated_errors() -> Iterator[None]:
    """boto3's errors as ours; no key, endpoint or credential reaches the message."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _MISSING:
            raise LostBlobError(f"not in the object store ({code})") from error
        raise UnavailableError(f"the object store answered {code}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise UnavailableError(
            f"the object store cannot be reached ({type(error).__name__})"
        ) from error


def iter_body(body: StreamingBody) -> Iterator[bytes]:
    """Chunks of a GET's body; a broken connection becomes UnavailableError."""
    with translated_errors():
        yield from body.iter_chunks(CHUNK)
