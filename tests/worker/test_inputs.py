"""Inputs by reference, against a real S3 server: fetched, checked, or refused with the cause."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from pydantic import AnyUrl, SecretStr

from service.blobs import Blobs
from service.database import Database
from service.records import InputRecord
from service.settings import Settings
from service.storage import open_store
from tests.servers import S3Bucket
from worker.inputs import InputError, fetch_inputs
from worker.lease import Stop, StoppedError

CONTENT = b"images" * 1000
Fetch = Callable[..., str]


@pytest.fixture
def settings(s3_bucket: S3Bucket, tmp_path: Path) -> Settings:
    client = boto3.client(
        "s3",
        endpoint_url=s3_bucket.endpoint_url,
        aws_access_key_id=s3_bucket.access_key,
        aws_secret_access_key=s3_bucket.secret_key,
        region_name=s3_bucket.region,
    )
    client.put_object(Bucket=s3_bucket.bucket, Key="data/clean.npz", Body=CONTENT)
    client.close()
    return Settings(
        data_dir=tmp_path,
        s3_endpoint_url=AnyUrl(s3_bucket.endpoint_url),
        s3_access_key_id=s3_bucket.access_key,
        s3_secret_access_key=SecretStr(s3_bucket.secret_key),
        s3_region=s3_bucket.region,
        sources=(f"s3://{s3_bucket.bucket}/data", "s3://no-such-bucket"),
    )


@pytest.fixture
def fetch(settings: Settings, tmp_path: Path) -> Fetch:
    """Fetches one reference; the file's content as text of its length and digest."""
    database = Database(settings.database)
    blobs = Blobs(database, open_store(settings))

    def run(uri: str, sha256: str | None = None, **changes: object) -> str:
        check = changes.pop("check", lambda: None)
        facts = fetch_inputs(
            [InputRecord(role="clean", uri=uri, sha256=sha256)],
            tmp_path,
            blobs=blobs,
            settings=settings.model_copy(update=changes),
            check=check,  # type: ignore[arg-type]
        )
        assert facts["clean"].size == len((tmp_path / "in" / "clean").read_bytes())
        return facts["clean"].sha256

    return run


def test_a_reference_is_fetched(fetch: Fetch, s3_bucket: S3Bucket) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert fetch(f"s3://{s3_bucket.bucket}/data/clean.npz") == digest
    assert fetch(f"s3://{s3_bucket.bucket}/data/clean.npz", digest) == digest


@pytest.mark.parametrize(
    ("key", "sha256", "changes", "code"),
    [
        ("data/clean.npz", "0" * 64, {}, "digest-mismatch"),
        ("data/missing.npz", None, {}, "source-missing"),
        ("elsewhere.npz", None, {}, "source-refused"),
        ("data/clean.npz", None, {"max_upload_bytes": 100}, "source-too-large"),
    ],
)
def test_what_cannot_be_had_is_named(
    fetch: Fetch,
    s3_bucket: S3Bucket,
    key: str,
    sha256: str | None,
    changes: dict[str, object],
    code: str,
) -> None:
    uri = f"s3://{s3_bucket.bucket}/{key}"
    with pytest.raises(InputError) as raised:
        fetch(uri, sha256, **changes)
    assert raised.value.code == code
    assert uri in str(raised.value)


def test_a_bucket_that_is_not_there_is_unreachable(fetch: Fetch) -> None:
    with pytest.raises(InputError, match="s3://no-such-bucket/x") as raised:
        fetch("s3://no-such-bucket/x")
    assert raised.value.code == "source-unreachable"


def test_a_server_that_is_not_there_is_unreachable(fetch: Fetch, s3_bucket: S3Bucket) -> None:
    with pytest.raises(InputError) as raised:
        fetch(
            f"s3://{s3_bucket.bucket}/data/clean.npz",
            s3_endpoint_url=AnyUrl("http://127.0.0.1:9"),
        )
    assert raised.value.code == "source-unreachable"


def test_a_fetch_can_be_stopped(fetch: Fetch, s3_bucket: S3Bucket) -> None:
    def stop() -> None:
        raise StoppedError(Stop.CANCELLED)

    with pytest.raises(StoppedError):
        fetch(f"s3://{s3_bucket.bucket}/data/clean.npz", check=stop)
