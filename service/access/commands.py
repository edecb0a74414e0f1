"""``python -m service keys|tenants|audit``: what the operator does on the host, by the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from service.access import audit, repository, service
from service.access.callers import DEFAULT_TENANT, operator
from service.access.limits import Limits
from service.access.operating import AnyTenant, DataDir, Open, changing, given
from service.access.schemas import Entry, Key
from service.access.scopes import Scope

Tenant = Annotated[str, typer.Option(help="whose")]
MOST = 1000


def commands(opened: Open) -> list[tuple[str, typer.Typer]]:
    """Groups of commands by name."""
    return [("keys", _keys(opened)), ("tenants", _tenants(opened)), ("audit", _audit(opened))]


def _keys(opened: Open) -> typer.Typer:
    keys = typer.Typer(help="API keys.", no_args_is_help=True)

    @keys.command()
    def create(
        scope: Annotated[list[Scope], typer.Option(help="may be given several times")],
        name: Annotated[str, typer.Option(help="for people")] = "made at the host",
        tenant: Tenant = DEFAULT_TENANT,
        days: Annotated[float | None, typer.Option(min=0.001, help="until it expires")] = None,
        requests_per_second: Annotated[float | None, typer.Option(min=0.001)] = None,
        data_dir: DataDir = None,
    ) -> None:
        """Makes a key and prints it; it cannot be had again."""
        until = None if days is None else datetime.now(UTC) + timedelta(days=days)
        with changing(opened, data_dir, "create_key", tenant) as session:
            made = service.create_key(
                session,
                tenant=tenant,
                name=name,
                scopes=scope,
                expires_at=until,
                requests_per_second=requests_per_second,
            )
        typer.echo(f"{made.id} of the tenant {tenant}; it is not shown again:", err=True)
        typer.echo(made.key)

    @keys.command("list")
    def list_(tenant: AnyTenant = None, data_dir: DataDir = None) -> None:
        """Prints keys as JSON, newest first, one a line."""
        with opened(data_dir) as (_, database), database.read() as session:
            found, _more = repository.page(session, tenant, after=None, limit=MOST)
            for record in found:
                typer.echo(Key.of(record).model_dump_json())

    @keys.command()
    def revoke(key_id: str, data_dir: DataDir = None) -> None:
        """Refuses a key from now on; running services notice within five seconds."""
        with opened(data_dir) as (_, database), database.write() as session:
            whose = repository.get(session, None, key_id).tenant
            with operator("revoke_key", whose):
                service.revoke_key(session, whose, key_id)

    return keys


def _tenants(opened: Open) -> typer.Typer:
    tenants = typer.Typer(help="Tenants, and what they may use.", no_args_is_help=True)

    @tenants.command()
    def create(name: str, data_dir: DataDir = None) -> None:
        """Makes a tenant; its keys are made with `keys create --tenant`."""
        with opened(data_dir) as (_, database), operator("create_tenant", name):
            service.create_tenant(database, name)

    @tenants.command("list")
    def list_(data_dir: DataDir = None) -> None:
        """Prints tenants with their limits as JSON, one a line."""
        with opened(data_dir) as (settings, database), database.read() as session:
            for record in repository.tenants(session):
                limits = Limits.of(settings, record.limits).model_dump()
                typer.echo(json.dumps({"tenant": record.id, "limits": limits}))

    @tenants.command()
    def limit(
        name: str,
        requests_per_second: Annotated[float | None, typer.Option(min=0)] = None,
        request_burst: Annotated[int | None, typer.Option(min=0)] = None,
        waiting_defenses: Annotated[int | None, typer.Option(min=0)] = None,
        defenses_a_day: Annotated[int | None, typer.Option(min=0)] = None,
        stored_bytes: Annotated[int | None, typer.Option(min=0)] = None,
        data_dir: DataDir = None,
    ) -> None:
        """Gives a tenant limits of its own (0: none); the others are those of the settings."""
        own = given(
            requests_per_second=requests_per_second,
            request_burst=request_burst,
            waiting_defenses=waiting_defenses,
            defenses_a_day=defenses_a_day,
            stored_bytes=stored_bytes,
        )
        with changing(opened, data_dir, "limit_tenant", name) as session:
            service.limit_tenant(session, name, own)

    return tenants


def _audit(opened: Open) -> typer.Typer:
    shown = typer.Typer(help="The audit log.", no_args_is_help=True)

    @shown.command("list")
    def list_(
        tenant: AnyTenant = None,
        limit: Annotated[int, typer.Option(min=1, max=MOST)] = 100,
        after: Annotated[str | None, typer.Option(help="the last one of the page before")] = None,
        data_dir: DataDir = None,
    ) -> None:
        """Prints entries as JSON, newest first, one a line; strangers' too."""
        with opened(data_dir) as (_, database), database.read() as session:
            found, _more = audit.page(session, tenant, after=after, limit=limit)
            for record in found:
                entry = Entry.of(record).model_dump(mode="json")
                typer.echo(json.dumps(entry | {"tenant": record.tenant}))

    return shown
