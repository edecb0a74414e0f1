"""A real S3 server: OpenStack Swift with its S3 interface, on one device, in one process.

Known limits of it: ``If-Match`` is not implemented, and of several concurrent ``If-None-Match: *``
writes more than one may win.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config

from tests.servers.process import Server, UnavailableError, folder, running

ACCESS_KEY = "test:tester"
SECRET_KEY = "only-for-tests"
REGION = "us-east-1"


@dataclass(frozen=True)
class S3Bucket:
    """A fresh bucket and what a client needs to reach it."""

    endpoint_url: str
    access_key: str
    secret_key: str
    region: str
    bucket: str


class S3Server(Server):
    """A Swift proxy with account, container and object server behind it."""

    name = "s3"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._numbers = itertools.count()

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        script = Path(__file__).with_name("swift_process.py")
        settings = [str(self.folder), str(self.port), ACCESS_KEY, SECRET_KEY, REGION]
        return [sys.executable, "-W", "ignore", str(script), *settings]

    def probe(self) -> None:
        with urllib.request.urlopen(f"{self.endpoint_url}/healthcheck", timeout=5) as response:
            response.read()

    def fresh_bucket(self) -> S3Bucket:
        """Make a new, empty bucket; it goes with the server."""
        bucket = S3Bucket(
            self.endpoint_url, ACCESS_KEY, SECRET_KEY, REGION, f"test-{next(self._numbers)}"
        )
        client = boto3.client(
            "s3",
            endpoint_url=bucket.endpoint_url,
            aws_access_key_id=bucket.access_key,
            aws_secret_access_key=bucket.secret_key,
            region_name=bucket.region,
            config=Config(s3={"addressing_style": "path"}),
        )
        with contextlib.closing(client):
            client.create_bucket(Bucket=bucket.bucket)
        return bucket


@contextlib.contextmanager
def s3() -> Iterator[S3Server]:
    """A running S3 server without buckets."""
    if importlib.util.find_spec("swift") is None:
        raise UnavailableError("OpenStack Swift is not installed: pip install swift (Linux only)")
    with folder() as data:
        _require_extended_attributes(data)
        with running(S3Server(data)) as server:
            yield server


def _require_extended_attributes(data: Path) -> None:
    """Swift keeps metadata there; some file systems have none."""
    try:
        os.setxattr(data, "user.test", b"1")
    except OSError as error:
        raise UnavailableError(f"no extended attributes under {data.parent.parent}") from error
