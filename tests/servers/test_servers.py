"""The launchers: servers start, survive crashes with their data, and leave no process behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psutil
import psycopg
import pytest
from redis import Redis

from tests.servers import (
    PostgresServer,
    RedisServer,
    S3Bucket,
    S3Server,
    Server,
    UnavailableError,
    postgres,
    redis,
    s3,
)
from tests.servers.fixtures import have
from tests.servers.process import await_gone, folder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

End = Callable[[Server], None]
Launcher = Callable[[], AbstractContextManager[Server]]


def answers(server: Server) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=5):
        return True
    return False


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def s3_client(bucket: S3Bucket) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        region_name=bucket.region,
    )


def libpq(url: str) -> str:
    return url.replace("+psycopg", "")


@pytest.mark.server
@pytest.mark.parametrize("launch", [redis, postgres, s3])
def test_the_end_of_the_context_ends_every_process(launch: Launcher) -> None:
    with ExitStack() as stack:
        server = have(launch(), stack)
        assert answers(server)
        program = psutil.Process(server.pid)
        family = [program, *program.children(recursive=True)]
    assert not answers(server)
    assert not any(map(alive, family))
    assert not server.folder.exists()


@pytest.mark.parametrize("end", [Server.kill, Server.stop])
def test_redis_keeps_what_it_acknowledged(redis_server: RedisServer, end: End) -> None:
    with Redis.from_url(redis_server.url) as client:
        client.set("key", "value")
        end(redis_server)
        assert not redis_server.running
        redis_server.start()
        assert client.get("key") == b"value"


def test_each_redis_test_starts_empty(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


@pytest.mark.parametrize("end", [Server.kill, Server.stop])
def test_postgres_keeps_what_it_committed(postgres_server: PostgresServer, end: End) -> None:
    with postgres_server.fresh_database() as url:
        with psycopg.connect(libpq(url)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        end(postgres_server)
        postgres_server.start()
        with psycopg.connect(libpq(url)) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


def test_databases_are_fresh_and_dropped_even_in_use(postgres_server: PostgresServer) -> None:
    with postgres_server.fresh_database() as first, postgres_server.fresh_database() as second:
        left_open = psycopg.connect(libpq(first))
        left_open.execute("CREATE TABLE mine (number int)")
        left_open.commit()
        with psycopg.connect(libpq(second)) as connection:
            tables = connection.execute("SELECT to_regclass('mine')").fetchall()
    left_open.close()
    assert tables == [(None,)]
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(libpq(first))


def test_s3_keeps_what_it_acknowledged(s3_server: S3Server) -> None:
    bucket = s3_server.fresh_bucket()
    client = s3_client(bucket)
    client.put_object(Bucket=bucket.bucket, Key="key", Body=b"value")
    s3_server.kill()
    s3_server.start()
    assert client.get_object(Bucket=bucket.bucket, Key="key")["Body"].read() == b"value"
    client.close()


def test_s3_buckets_are_fresh_and_secrets_are_checked(
    s3_bucket: S3Bucket, s3_server: S3Server
) -> None:
    other = s3_server.fresh_bucket()
    assert other.bucket != s3_bucket.bucket
    client = s3_client(s3_bucket)
    assert "Contents" not in client.list_objects_v2(Bucket=s3_bucket.bucket)
    client.close()
    forged = s3_client(S3Bucket(**{**vars(s3_bucket), "secret_key": "wrong"}))
    with pytest.raises(forged.exceptions.ClientError, match="SignatureDoesNotMatch"):
        forged.list_objects_v2(Bucket=s3_bucket.bucket)
    forged.close()


class Misbehaving(Server):
    """Runs a shell command instead of a server; never answers."""

    name = "misbehaving"

    def __init__(self, folder: Path, script: str) -> None:
        super().__init__(folder)
        self._script = script

    def command(self) -> Sequence[str]:
        return ["sh", "-c", self._script]

    def probe(self) -> None:
        raise ConnectionError("nobody there")


def test_a_server_that_ends_at_its_start_says_why() -> None:
    with folder() as data:
        server = Misbehaving(data, "echo the reason >&2; exit 3")
        with pytest.raises(RuntimeError, match="the reason"):
            server.start()


def test_a_server_that_never_answers_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.servers.process.START_SECONDS", 0.2)
    with folder() as data:
        server = Misbehaving(data, "echo started; sleep 1000 & wait")
        with pytest.raises(RuntimeError, match="does not answer"):
            server.start()
        assert not server.running


ABANDON = """
import os, signal
from tests.servers.process import await_gone, folder
from tests.servers.test_servers import Sleeper
with folder() as data:
    server = Sleeper(data, "echo ready; sleep 1000")
    server.start()
    print(server.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Sleeper(Misbehaving):
    """Answers at once."""

    def probe(self) -> None: ...


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv (util-linux) here")
def test_a_test_process_that_dies_takes_its_servers_along(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABANDON],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with suppress(psutil.NoSuchProcess):
        server = psutil.Process(int(done.stdout))
        await_gone([server])
        assert not alive(server)


@contextmanager
def missing() -> Iterator[Server]:
    raise UnavailableError("apt-get install it")
    yield


def test_a_missing_server_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install it"), ExitStack() as stack:
        have(missing(), stack)


def test_a_missing_server_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install it"), ExitStack() as stack:
        have(missing(), stack)
