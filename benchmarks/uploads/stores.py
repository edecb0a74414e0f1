"""The stores that uploads go to, as environment variables of a service."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from service.database import Database
from service.settings import Settings
from tests.servers.s3 import s3

MOST = 4 << 30  # bytes of an upload


@contextmanager
def folder(data: Path) -> Iterator[dict[str, str]]:
    """The embedded store."""
    yield {"POLARIZER_STORE_URL": (data / "store").as_uri()}


@contextmanager
def object_store(_data: Path) -> Iterator[dict[str, str]]:
    """OpenStack Swift with its S3 interface: proxy and three servers in one Python process."""
    with s3() as server:
        bucket = server.fresh_bucket()
        yield {
            "POLARIZER_STORE_URL": f"s3://{bucket.bucket}/store",
            "POLARIZER_S3_ENDPOINT_URL": bucket.endpoint_url,
            "POLARIZER_S3_ACCESS_KEY_ID": bucket.access_key,
            "POLARIZER_S3_SECRET_ACCESS_KEY": bucket.secret_key,
            "POLARIZER_S3_REGION": bucket.region,
        }


STORES = {"folder": folder, "S3": object_store}


def settings_of(data: Path, store: dict[str, str]) -> Settings:
    """What a service with this store is run with."""
    fields = {name.removeprefix("POLARIZER_").lower(): value for name, value in store.items()}
    return Settings(data_dir=data, max_upload_bytes=MOST, **fields)  # type: ignore[arg-type]


@contextmanager
def serving(data: Path, store: dict[str, str]) -> Iterator[tuple[str, psutil.Process]]:
    """A service's web process on this store: its address and the process."""
    settings = settings_of(data, store)
    database = Database(settings.database)
    database.migrate()
    database.dispose()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("POLARIZER_")
    }
    environment |= store | {
        "POLARIZER_DATA_DIR": str(data),
        "POLARIZER_PORT": "0",
        "POLARIZER_MAX_UPLOAD_BYTES": str(MOST),
        "POLARIZER_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "service", "api"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], psutil.Process(process.pid)
        finally:
            process.terminate()
