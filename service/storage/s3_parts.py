"""Parts in S3: its own multipart uploads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from service.errors import UnavailableError
from service.storage.base import StoredPart
from service.storage.s3_errors import translated_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class _Named(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


class S3Parts:
    """See :class:`service.storage.base.Parts`. The server joins atomically, and takes nothing under
    a handle any more after that."""

    least = 5 << 20  # S3's own limit
    tags_bind = True  # the server compares ETags

    def __init__(
        self, client: S3Client, bucket: str, prefix: str, links: S3Client | None = None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._links = links
        self.gives_links = links is not None

    def begin(self, key: str) -> str:
        with translated_errors():
            begun = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._prefix + key
            )
        return begun["UploadId"]

    def put(self, key: str, handle: str, *, number: int, offset: int, path: Path) -> str:  # noqa: ARG002
        with translated_errors(), path.open("rb") as body:
            part = self._client.upload_part(
                **self._named(key, handle), PartNumber=number, Body=body
            )
        return part["ETag"]

    def stored(self, key: str, handle: str) -> Iterator[StoredPart]:
        pages = self._client.get_paginator("list_parts").paginate(**self._named(key, handle))
        with translated_errors():
            for page in pages:
                for part in page.get("Parts", []):
                    yield StoredPart(part["PartNumber"], part["Size"], part["ETag"])

    def join(self, key: str, handle: str, tags: Mapping[int, str]) -> None:
        named = self._named(key, handle)
        parts = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]
        with translated_errors():
            try:
                self._client.complete_multipart_upload(
                    **named,
                    MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
                )
            except self._client.exceptions.NoSuchUpload:  # joined, unless the object is not there
                self._client.head_object(Bucket=named["Bucket"], Key=named["Key"])

    def abandon(self, key: str, handle: str) -> bool:
        """Whether it was still there."""
        with translated_errors():
            try:
                self._client.abort_multipart_upload(**self._named(key, handle))
            except self._client.exceptions.NoSuchUpload:
                return False
        return True

    def link(self, key: str, handle: str, *, number: int, size: int, seconds: int) -> str:
        if self._links is None:
            raise UnavailableError("there is no address by which clients reach the object store")
        part = {**self._named(key, handle), "PartNumber": number, "ContentLength": size}
        return self._links.generate_presigned_url("upload_part", part, ExpiresIn=seconds)

    def _named(self, key: str, handle: str) -> _Named:
        return {"Bucket": self._bucket, "Key": self._prefix + key, "UploadId": handle}
