"""The commands: those that end by themselves in this process, services as processes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import structlog
from click.testing import Result
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from service.__main__ import cli
from service.database import Database
from service.settings import Settings
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]

Run = Callable[..., Result]


def environment(tmp_path: Path, **changes: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if "POLARIZER_" not in name}
    return clean | {"POLARIZER_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)} | changes


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """A command that ends by itself, in this process."""
    for name in os.environ:
        if name.startswith("POLARIZER_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()

    def run(*arguments: str, **changes: str) -> Result:
        return CliRunner().invoke(cli, arguments, env={"POLARIZER_DATA_DIR": "data"} | changes)

    yield run
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**before)


@contextmanager
def served(
    tmp_path: Path, *arguments: str, **changes: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running service on a free port: its process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "service", *arguments, "--port", "0"],
        env=environment(tmp_path, **changes),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "listens on http://" in line
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


def test_migrate_may_be_repeated(run: Run) -> None:
    for _ in range(2):
        assert run("migrate").exit_code == 0
    assert run("reap").exit_code == 0


@pytest.mark.parametrize("command", ["api", "reap"])
def test_an_empty_database_is_refused(run: Run, tmp_path: Path, command: str) -> None:
    done = run(command)
    assert done.exit_code == 1
    assert "python -m service migrate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["api", "serve", "migrate"])
def test_a_newer_database_is_refused(run: Run, tmp_path: Path, command: str) -> None:
    run("migrate")
    engine = create_engine(Settings(data_dir=tmp_path / "data").database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    done = run(command)
    assert done.exit_code == 1
    assert "9999 is newer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "changes", "says"),
    [
        (["serve", "--host", "0.0.0.0"], {}, "POLARIZER_ALLOW_ANONYMOUS"),
        (["api", "--host", "::"], {}, "POLARIZER_ALLOW_ANONYMOUS"),
        (["api", "--host", "example.org"], {}, "POLARIZER_ALLOW_ANONYMOUS"),
        (["serve", "--port", "70000"], {}, "POLARIZER_PORT"),
        (["serve"], {"POLARIZER_LEASE_SECONDS": "soon"}, "POLARIZER_LEASE_SECONDS"),
        (["serve"], {"POLARIZER_STORE_URL": "ftp://x"}, "POLARIZER_STORE_URL"),
        (["serve"], {"POLARIZER_S3_SECRET_ACCESS_KEY": "hush"}, "POLARIZER_S3_ACCESS_KEY_ID"),
        (["serve"], {"POLARIZER_DATABASE_URL": "nonsense"}, "POLARIZER_DATABASE_URL"),
        (["frobnicate"], {}, "frobnicate"),
    ],
)
def test_wrong_settings_are_named(
    run: Run, arguments: list[str], changes: dict[str, str], says: str
) -> None:
    done = run(*arguments, **changes)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_and_an_absent_database_are_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port)
        assert (done.exit_code, "Traceback" in done.stderr) == (1, False)
        assert port in done.stderr
    url = f"postgresql+psycopg://user:hush@127.0.0.1:{port}/none"
    done = run("api", POLARIZER_DATABASE_URL=url)
    assert (done.exit_code, "Traceback" in done.stderr) == (1, False)
    assert "POLARIZER_DATABASE_URL" in done.stderr
    assert "hush" not in done.stderr


def test_anybody_may_come_when_that_is_wanted(run: Run, tmp_path: Path) -> None:
    run("migrate")
    with served(tmp_path, "api", "--host", "0.0.0.0", POLARIZER_ALLOW_ANONYMOUS="true") as (
        process,
        url,
    ):
        port = httpx.URL(url).port
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
        process.terminate()
        assert process.wait(30) == 0


def _workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(process.pid).children()
        if child.is_running() and child.cmdline()[-1:] == ["worker"]
    ]


def test_serve_keeps_a_worker_and_stops_whole(tmp_path: Path) -> None:
    with served(tmp_path, "serve") as (process, url):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        assert httpx.get(f"{url}/readyz").status_code == 200
        (first,) = wait_until(lambda: _workers(process))
        first.kill()
        (second,) = wait_until(lambda: [one for one in _workers(process) if one.pid != first.pid])
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert not second.is_running()


def test_a_database_that_others_migrate_at_once(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "service", "migrate"], env=environment(tmp_path), cwd=tmp_path
        )
        for _ in range(2)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    database = Database(Settings(data_dir=tmp_path / "data").database)
    database.require_current_schema()
    database.dispose()
