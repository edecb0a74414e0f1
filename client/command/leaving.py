"""``polarizer export``, ``erase`` and ``retention``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.account import Retention
from client.command.base import command, session_of
from client.command.progress import in_bytes

Days = Annotated[int | None, typer.Option(min=0, help="days; 0: for ever [as the service says]")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    command(app, "export", examples="polarizer export everything.tar")(export)
    command(app, "erase", examples="polarizer erase --confirm acme --out proof.jsonl")(erase)
    command(app, "retention", examples="polarizer retention\npolarizer retention --uploads 30")(
        retention
    )


def export(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="the archive to be written, a tar")],
) -> None:
    """Bring everything that the tenant owns as one archive, and check every digest in it."""
    session = session_of(context)
    with session.service() as service:
        service.tenant.export(path)
    size = path.stat().st_size
    if session.screen.as_json:
        session.screen.result("export", {"path": str(path), "size": size})
    else:
        session.screen.line(f"{path}: {in_bytes(size)}, every digest is right")


def erase(
    context: typer.Context,
    confirm: Annotated[str, typer.Option(help="the tenant's name, as polarizer whoami tells it")],
    out: Annotated[Path | None, typer.Option(help="where the certificate goes")] = None,
) -> None:
    """Delete everything of the tenant but its keys and audit log, and wait until it is gone."""
    session = session_of(context)
    with session.service() as service:
        erasure, proof = service.tenant.erase_and_wait(confirm=confirm)
    if out is not None:
        out.write_bytes(proof)
    if session.screen.as_json:
        session.screen.result("erasure", erasure)
    else:
        session.screen.line(f"{erasure.deleted} rows deleted, nothing left ({erasure.id})")
        session.screen.line(f"sha256 of the certificate: {erasure.sha256}")


def retention(
    context: typer.Context,
    uploads: Days = None,
    defenses: Days = None,
    models: Days = None,
    events: Days = None,
) -> None:
    """Tell how long things are kept; with options, say it for this tenant."""
    session = session_of(context)
    said = (uploads, defenses, models, events)
    with session.service() as service:
        if any(days is not None for days in said):
            found: Retention = service.tenant.keep(
                uploads_days=uploads,
                defenses_days=defenses,
                models_days=models,
                events_days=events,
            )
        else:
            found = service.tenant.retention()
    if session.screen.as_json:
        session.screen.result("retention", found)
        return
    rows = (
        (
            period.removesuffix("_days"),
            f"{days} days" if days else "for ever",
            "" if found.own.get(period) is None else "the tenant's own",
        )
        for period, days in found.periods.items()
    )
    session.screen.table(("of", "kept", ""), rows)
