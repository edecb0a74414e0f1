"""A backup as ``docs/operations.md`` describes it, restored elsewhere: the auditor finds there what
it found here."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
from botocore.config import Config

from service.database import Database
from service.settings import Settings
from service.storage import open_store
from tests.faults.audit import audit
from tests.faults.evidence import gather
from tests.faults.promises import Promises, Violation
from tests.faults.stack import Stack


def restored(stack: Stack, promises: Promises) -> list[Violation]:
    """Backs up a service that is stopped, restores it into an empty database and an empty bucket,
    audits that."""
    with _restored_database(stack) as url:
        bucket = stack.s3.fresh_bucket().bucket
        _copy_bucket(stack.settings(), bucket)
        settings = stack.settings().model_copy(update={"store_url": f"s3://{bucket}/store"})
        database = Database(url)
        try:
            database.require_current_schema()
            found = audit(gather(database, open_store(settings)), promises)
        finally:
            database.dispose()
    return [Violation(one.rule, f"restored {one.subject}", one.detail) for one in found]


@contextlib.contextmanager
def _restored_database(stack: Stack) -> Iterator[str]:
    dump = stack.folder / "polarizer.dump"
    _run(stack, "pg_dump", "-Fc", "--file", dump, f"--dbname={_libpq(stack.database)}")
    with stack.postgres.fresh_database() as url:
        _run(stack, "pg_restore", "--exit-on-error", f"--dbname={_libpq(url)}", dump)
        yield url


def _run(stack: Stack, program: str, *arguments: str | Path) -> None:
    command = [stack.postgres.programs / program, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "")


def _copy_bucket(settings: Settings, target: str) -> None:
    """Every object, under the same key."""
    source = settings.store.removeprefix("s3://").split("/")[0]
    assert settings.s3_secret_access_key
    client = boto3.client(
        "s3",
        endpoint_url=str(settings.s3_endpoint_url),
        aws_access_key_id=settings.s3_access_key_id,
        aws_secret_access_key=settings.s3_secret_access_key.get_secret_value(),
        region_name=settings.s3_region,
        config=Config(s3={"addressing_style": "path"}),
    )
    with contextlib.closing(client):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=source):
            for item in page.get("Contents", []):
                content = client.get_object(Bucket=source, Key=item["Key"])["Body"].read()
                client.put_object(Bucket=target, Key=item["Key"], Body=content)
