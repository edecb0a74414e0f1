"""``python -m service``: migrate, api, serve, check, reap, keys, tenants, audit,
retention.

Exit codes: 0 done, 1 it cannot run (database, port, sandbox), 2 wrong settings or arguments.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError, DatabaseError

from confinement import SandboxError
from service import checking, memory
from service.access.commands import commands
from service.access.opening import NobodyCouldComeError, require_somebody
from service.app import build, create_app, housework
from service.database import Database, SchemaError
from service.embedded import WorkerProcess, worker_command
from service.errors import ServiceError
from service.logging import configure_logging
from service.models import signing
from service.retention import commands as retention
from service.sandbox import check_sandbox
from service.server import Server, address, listen
from service.settings import Settings
from service.tracing import TracingError

cli = typer.Typer(
    help="The Neural Polarizer Service. Settings come from POLARIZER_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Host = Annotated[str | None, typer.Option(help="address to listen on")]
Port = Annotated[int | None, typer.Option(help="port; 0 takes a free one")]
DataDir = Annotated[Path | None, typer.Option(help="folder of everything embedded")]


@cli.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to the schema of this version."""
    with _told_errors():
        settings = _settings(data_dir=data_dir)
        _migrate(settings)
    typer.echo("the database has the schema of this version")


@cli.command()
def api(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Serve the HTTP API; workers run elsewhere."""
    with _told_errors():
        settings = _settings(host=host, port=port, data_dir=data_dir)
        require_somebody(settings)
        _require_startable(settings)
        _serve(settings, None)


@cli.command()
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Serve everything from one data folder: migrate, HTTP API, one worker."""
    with _told_errors():
        settings = _settings(host=host, port=port, data_dir=data_dir)
        require_somebody(settings)
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _migrate(settings)
        _require_startable(settings)
        _serve(settings, WorkerProcess(settings, worker_command()))


@cli.command()
def check(data_dir: DataDir = None) -> None:
    """Say as JSON whether database, store and broker can be used from here."""
    with _told_errors():
        found = checking.check(_settings(data_dir=data_dir))
    typer.echo(json.dumps(found))
    sys.exit(0 if set(found.values()) == {"ok"} else 1)


@cli.command()
def reap(data_dir: DataDir = None) -> None:
    """Do once what the API does all the time: take jobs from lost workers, wake workers for
    waiting jobs, remove files that nothing refers to."""
    with _told_errors():
        resources = build(_settings(data_dir=data_dir))
        frequent, rare = housework(resources)
        frequent()
        rare()
        resources.database.dispose()


def _settings(**given: Any) -> Settings:  # noqa: ANN401
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    configure_logging(settings)
    return settings


def _migrate(settings: Settings) -> None:
    database = Database(settings.database)
    database.migrate()
    database.dispose()


def _require_startable(settings: Settings) -> None:
    """Raises what the application would raise when it starts, where it can still be told well."""
    build(settings).database.dispose()
    check_sandbox(settings.sandbox)
    signing.require_usable(settings.signing_key)


def _serve(settings: Settings, worker: WorkerProcess | None) -> None:
    with listen(settings.host, settings.port) as listener:

        def ready() -> None:
            memory.settle()
            typer.echo(f"Neural Polarizer Service listens on {address(listener)}")
            if worker is not None:
                worker.start()

        stopping = worker.ask_to_stop if worker is not None else lambda: None
        server = Server(create_app(settings), settings, on_ready=ready, on_stopping=stopping)
        try:
            server.serve_until_signal(listener)
        finally:
            if worker is not None:
                worker.stop()


@contextmanager
def _told_errors() -> Iterator[None]:
    """What may be wrong around the service, in one line instead of a traceback."""
    try:
        yield
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in item["loc"]).upper()
            typer.echo(f"POLARIZER_{name}: {item['msg']}" if name else item["msg"], err=True)
        sys.exit(2)
    except NobodyCouldComeError as error:
        _refuse(str(error), 2)
    except ServiceError as error:
        _refuse(error.detail, 2)
    except (SandboxError, SchemaError, TracingError) as error:
        _refuse(str(error), 1)
    except DatabaseError as error:
        _refuse(f"the database of POLARIZER_DATABASE_URL cannot be used: {error.orig}", 1)
    except OSError as error:
        _refuse(f"cannot start: {error}", 1)
    except ArgumentError as error:
        _refuse(f"POLARIZER_DATABASE_URL: {error}", 2)
    except ValueError as error:  # a URL of another kind
        _refuse(str(error), 2)


def _refuse(message: str, status: int) -> None:
    typer.echo(message, err=True)
    sys.exit(status)


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[tuple[Settings, Database]]:
    """For the operator's commands."""
    with _told_errors():
        settings = _settings(data_dir=data_dir)
        database = Database(settings.database)
        database.require_current_schema()
        yield settings, database
        database.dispose()


_groups = dict(commands(_opened))
retention.add_keeping(_groups["tenants"], _opened)
retention.add_leaving(_groups["tenants"], _opened)
for _name, _group in (*_groups.items(), ("retention", retention.commands(_opened))):
    cli.add_typer(_group, name=_name)

if __name__ == "__main__":
    cli()
