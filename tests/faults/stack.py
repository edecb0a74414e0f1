"""Every part a process on loopback, and between the service and its servers a wire each."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from service.settings import Settings
from tests.faults.parts import ROOT, Api, Part, Worker
from tests.faults.wires import Wire, Wires, wires
from tests.servers import PostgresServer, RedisServer, S3Bucket, S3Server, postgres, redis, s3

SKEWS = {"api-1": 0.0, "api-2": 60.0, "worker-1": 0.0, "worker-2": -60.0}
"""Seconds by which the clock of each part is wrong."""

LEASE_SECONDS = 3.0
GRACE_SECONDS = 60.0

COMMON = {
    "POLARIZER_LEASE_SECONDS": str(LEASE_SECONDS),
    "POLARIZER_REQUEUE_AFTER_SECONDS": "3",
    "POLARIZER_REAP_INTERVAL_SECONDS": "0.7",
    "POLARIZER_MAX_ATTEMPTS": "50",
    "POLARIZER_JOB_TIMEOUT_SECONDS": "300",
    "POLARIZER_SWEEP_GRACE_SECONDS": str(GRACE_SECONDS),
    "POLARIZER_DATABASE_TIMEOUT_SECONDS": "4",
    "POLARIZER_STORE_TIMEOUT_SECONDS": "3",
    "POLARIZER_SHUTDOWN_SECONDS": "5",
    "POLARIZER_WORKER_CONCURRENCY": "2",
    "POLARIZER_DEVICE": "cpu",
    "POLARIZER_REUSE_RESULTS": "false",
    "POLARIZER_LOG_FORMAT": "json",
}


@dataclass
class Stack:
    """What there is. ``wires`` are named ``api-database``, ``worker-store``, ….."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    s3: S3Server
    bucket: S3Bucket
    database: str
    wires: dict[str, Wire]
    parts: dict[str, Part] = field(default_factory=dict)
    skews: Mapping[str, float] = field(default_factory=dict)

    @property
    def control(self) -> Path:
        return self.folder / "control"

    @property
    def apis(self) -> list[Api]:
        return [part for part in self.parts.values() if isinstance(part, Api)]

    @property
    def workers(self) -> list[Worker]:
        return [part for part in self.parts.values() if isinstance(part, Worker)]

    def settings(self) -> Settings:
        """As seen by the auditor, who goes around the wires."""
        return Settings(
            data_dir=self.folder / "auditor",
            database_url=self.database,
            broker_url=self.redis.url,
            store_url=f"s3://{self.bucket.bucket}/store",
            s3_endpoint_url=self.bucket.endpoint_url,
            s3_access_key_id=self.bucket.access_key,
            s3_secret_access_key=SecretStr(self.bucket.secret_key),
            s3_region=self.bucket.region,
        )

    def environment(self, kind: str) -> dict[str, str]:
        """Of an ``api`` or a ``worker``."""
        redis_port, database_port, s3_port = (
            self.wires[f"{kind}-{name}"].port for name in ("broker", "database", "store")
        )
        return COMMON | {
            "FAULTS_CONTROL": str(self.control),
            "POLARIZER_DATABASE_URL": self.database.replace(
                f":{self.postgres.port}/", f":{database_port}/"
            ),
            "POLARIZER_BROKER_URL": self.redis.url.replace(
                f":{self.redis.port}/", f":{redis_port}/"
            ),
            "POLARIZER_STORE_URL": f"s3://{self.bucket.bucket}/store",
            "POLARIZER_S3_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
            "POLARIZER_S3_ACCESS_KEY_ID": self.bucket.access_key,
            "POLARIZER_S3_SECRET_ACCESS_KEY": self.bucket.secret_key,
            "POLARIZER_S3_REGION": self.bucket.region,
        }


@contextmanager
def stack(skews: Mapping[str, float] = SKEWS) -> Iterator[Stack]:
    """The running service: these parts, with clocks so wrong. Raises UnavailableError where a
    server cannot be had."""
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        folder.chmod(0o755)
        held.callback(_unmount, folder)
        database_server = held.enter_context(postgres())
        broker = held.enter_context(redis())
        store = held.enter_context(s3())
        made = Stack(
            folder,
            database_server,
            broker,
            store,
            store.fresh_bucket(),
            held.enter_context(database_server.fresh_database()),
            _wires(held.enter_context(wires()), database_server, broker, store),
            skews=skews,
        )
        made.control.mkdir()
        (folder / "auditor").mkdir()
        migrate(made, made.database)
        for name, skew in skews.items():
            made.parts[name] = _part(made, name, skew)
            held.callback(made.parts[name].kill)
            made.parts[name].start()
        yield made


def _part(made: Stack, name: str, skew: float) -> Part:
    kind = name.split("-")[0]
    environment = made.environment(kind) | {"FAULTS_CLOCK": str(skew)}
    part = (Api if kind == "api" else Worker)(made.folder / name, name, environment)
    if shutil.which("mount"):  # a small disk of its own, where this is allowed
        options = ["-t", "tmpfs", "-o", "size=48m,mode=700", "none", str(part.folder)]
        subprocess.run(["mount", *options], check=False, capture_output=True)
    return part


def _unmount(folder: Path) -> None:
    for mounted in folder.iterdir():
        if mounted.is_mount():
            subprocess.run(["umount", "--lazy", str(mounted)], check=False, capture_output=True)


def _wires(
    made: Wires, database: PostgresServer, broker: RedisServer, store: S3Server
) -> dict[str, Wire]:
    ports = {"database": database.port, "broker": broker.port, "store": store.port}
    return {
        f"{kind}-{name}": made.to(port)
        for kind in ("api", "worker")
        for name, port in ports.items()
    }


def migrate(made: Stack, database: str) -> None:
    """As an operator does it. Raises CalledProcessError."""
    subprocess.run(
        [sys.executable, "-m", "service", "migrate"],
        cwd=ROOT,
        env={"POLARIZER_DATABASE_URL": database, "POLARIZER_DATA_DIR": str(made.folder)},
        check=True,
        capture_output=True,
    )
