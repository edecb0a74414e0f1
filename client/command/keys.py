"""``polarizer keys`` and ``polarizer whoami``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from client.account import Key, Myself
from client.command.base import command, group, session_of
from client.command.progress import in_bytes
from client.command.screen import Screen
from client.command.views import moment

EXAMPLES = """
polarizer keys create --name pipeline --scope defend --scope infer --days 90
polarizer keys create --name phone --scope infer --json
"""


class Scope(StrEnum):
    READ = "read"  # see everything of the tenant
    INFER = "infer"  # ask models
    DEFEND = "defend"  # read, and upload, defend, move names, delete
    ADMIN = "admin"  # all of it, and keys


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    keys = group(app, "keys", "Keys of the service: list, create, revoke.", list_keys)
    command(keys, "list", examples="polarizer keys list")(list_keys)
    command(keys, "create", examples=EXAMPLES)(create)
    command(keys, "revoke", examples="polarizer keys revoke key_01…")(revoke)
    command(app, "whoami", examples="polarizer whoami --json")(whoami)


def list_keys(context: typer.Context) -> None:
    """List keys, newest first, revoked ones too."""
    session = session_of(context)
    with session.service() as service:
        found = service.keys.all()
    if session.screen.as_json:
        session.screen.result("keys", found)
        return
    rows = (
        (key.id, key.name, " ".join(key.scopes), state(key), moment(key.last_used_at))
        for key in found
    )
    session.screen.table(("id", "name", "scopes", "state", "last used"), rows)


def state(key: Key, now: datetime | None = None) -> str:
    """``good``, ``good until …``, ``expired`` or ``revoked``."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "good"
    over = key.expires_at <= (now or datetime.now(UTC))
    return "expired" if over else f"good until {moment(key.expires_at)}"


def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="for people")],
    scope: Annotated[list[Scope], typer.Option(help="what it is for; may be repeated")],
    days: Annotated[float | None, typer.Option(min=0.001, help="until it expires [never]")] = None,
    requests_per_second: Annotated[
        float | None, typer.Option(min=0.001, help="a limit of its own")
    ] = None,
) -> None:
    """Make a key. It is printed once, alone on standard output, and cannot be had again."""
    session = session_of(context)
    until = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with session.service() as service:
        made = service.keys.create(
            name,
            [str(one) for one in scope],
            expires_at=until,
            requests_per_second=requests_per_second,
        )
    if session.screen.as_json:
        session.screen.result("key", made)
        return
    session.screen.say(f"{made.id}, {state(made)}; keep it now, it is not shown again:")
    session.screen.line(made.key)


def revoke(
    context: typer.Context, key_id: Annotated[str, typer.Argument(metavar="KEY", help="key_…")]
) -> None:
    """Refuse a key from now on."""
    session = session_of(context)
    with session.service() as service:
        service.keys.revoke(key_id)
    if session.screen.as_json:
        session.screen.result("revoked", {"id": key_id})
    else:
        session.screen.line(f"{key_id} is revoked")


def whoami(context: typer.Context) -> None:
    """Show who we are to the service, what we may do, and what we use."""
    session = session_of(context)
    with session.service() as service:
        found = service.keys.whoami()
    if session.screen.as_json:
        session.screen.result("whoami", found)
    else:
        _show(session.screen, found)


def _show(screen: Screen, myself: Myself) -> None:
    usage = myself.usage
    facts: dict[str, object] = {
        "tenant": myself.tenant,
        "key": myself.key_id or "none is needed here",
        "scopes": " ".join(myself.scopes),
        "waiting defenses": usage.waiting_defenses,
        "defenses today": usage.defenses_today,
        "stored": in_bytes(usage.stored_bytes),
    }
    limits = {f"limit: {name}": value for name, value in (myself.limits or {}).items()}
    screen.facts(facts | limits)
