"""``python -m service tenants keep|export|erase``, ``retention``: the operator at the host."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from service.access import repository
from service.access.callers import operator
from service.access.operating import AnyTenant, DataDir, Open, changing, given
from service.blobs import Blobs
from service.database import Database
from service.retention import certificates, leaving, service
from service.retention.erasing import Eraser
from service.retention.exporting import Export
from service.retention.metrics import RemovalMetrics
from service.retention.periods import MOST_DAYS
from service.retention.schemas import Erasure
from service.retention.sweeping import Sweeper
from service.settings import Settings
from service.storage import open_store

Days = Annotated[int | None, typer.Option(min=0, max=MOST_DAYS, help="0: for ever")]
AuditDays = Annotated[int | None, typer.Option(min=1, max=MOST_DAYS)]
WAIT_SECONDS = 1.0
"""Between two looks at jobs that are being cancelled."""


def add_keeping(tenants: typer.Typer, opened: Open) -> None:
    """``tenants keep``."""

    @tenants.command()
    def keep(
        name: str,
        uploads_days: Days = None,
        defenses_days: Days = None,
        models_days: Days = None,
        events_days: Days = None,
        audit_days: AuditDays = None,
        data_dir: DataDir = None,
    ) -> None:
        """Says how long a tenant's things are kept; the others are as the settings say."""
        own = given(
            uploads_days=uploads_days,
            defenses_days=defenses_days,
            models_days=models_days,
            events_days=events_days,
            audit_days=audit_days,
        )
        with changing(opened, data_dir, "put_retention", name) as session:
            service.keep(session, name, own)


def add_leaving(tenants: typer.Typer, opened: Open) -> None:
    """``tenants export`` and ``tenants erase``."""

    @tenants.command("export")
    def export_(
        name: str,
        out: Annotated[Path, typer.Option(help="the archive to be written, a tar")],
        data_dir: DataDir = None,
    ) -> None:
        """Writes everything of a tenant into one archive."""
        with opened(data_dir) as (settings, database):
            with database.read() as session:
                repository.get_tenant(session, name)
            blobs = Blobs(database, open_store(settings))
            with out.open("xb") as file:
                for chunk in Export(database, blobs, settings.spool_dir, name).chunks():
                    file.write(chunk)

    @tenants.command()
    def erase(
        name: str,
        confirm: Annotated[str, typer.Option(help="the same name once more")],
        everything: Annotated[
            bool, typer.Option(help="its keys, audit entries and the tenant itself too")
        ] = False,
        out: Annotated[Path | None, typer.Option(help="where the certificate goes")] = None,
        data_dir: DataDir = None,
    ) -> None:
        """Deletes everything of a tenant, and prints what became of it as JSON. What runs is
        cancelled and waited for. Told again, it goes on where it was ended."""
        with opened(data_dir) as (settings, database):
            with operator("create_erasure", name), database.write() as session:
                record = leaving.ask(session, name, confirm=confirm, everything=everything)
            eraser = Eraser(database, open_store(settings))
            while not eraser.advance(record.id):
                time.sleep(WAIT_SECONDS)
            with database.read() as session:
                record = leaving.get(session, name, record.id)
            if out is not None:
                out.write_bytes(b"".join(certificates.chunks(database, record)))
            typer.echo(Erasure.of(record).model_dump_json())


def commands(opened: Open) -> typer.Typer:
    """``retention plan`` and ``retention sweep``."""
    retention = typer.Typer(help="What is removed because it is old.", no_args_is_help=True)

    @retention.command()
    def plan(tenant: AnyTenant = None, data_dir: DataDir = None) -> None:
        """Prints what the next sweep removes, and what it leaves although it is old, and why, as
        JSON, one a line. Changes nothing."""
        with opened(data_dir) as (settings, database):
            for old in _sweeper(settings, database).plan(tenant):
                told = {
                    "tenant": old.tenant,
                    "kind": old.kind,
                    "id": old.id,
                    "since": old.since.isoformat(),
                    "removed": old.kept is None,
                    "kept_because": old.kept,
                }
                typer.echo(json.dumps(told))

    @retention.command()
    def sweep(data_dir: DataDir = None) -> None:
        """Removes now what the API removes every few minutes; prints how many of each kind."""
        with opened(data_dir) as (settings, database):
            typer.echo(json.dumps(_sweeper(settings, database).sweep()))

    return retention


def _sweeper(settings: Settings, database: Database) -> Sweeper:
    return Sweeper(settings, database, Blobs(database, open_store(settings)), RemovalMetrics())
