"""``polarizer status``, ``watch``, ``cancel``, ``delete``: what became of a defense."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from client.command.base import command, session_of
from client.command.following import OnInterrupt, follow
from client.command.outputs import keep_results
from client.command.progress import Silent
from client.command.screen import Screen
from client.command.views import show_defense, show_defenses
from client.flows.waiting import require_success
from client.records import Event, Status

DefenseId = Annotated[str, typer.Argument(metavar="DEFENSE", help="def_…")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    listed = "polarizer status\npolarizer status def_01…\npolarizer status --status failed --json"
    command(app, "status", examples=listed)(status)
    command(app, "watch", examples="polarizer watch def_01…\npolarizer watch def_01… --out new")(
        watch
    )
    command(app, "cancel", examples="polarizer cancel def_01…")(cancel)
    command(app, "delete", examples="polarizer delete def_01…")(delete)


def status(
    context: typer.Context,
    defense_id: Annotated[
        str | None, typer.Argument(metavar="[DEFENSE]", help="def_…; without it, the newest")
    ] = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="how many at most")] = 20,
    only: Annotated[
        Status | None, typer.Option("--status", help="only those in this state")
    ] = None,
) -> None:
    """Show one defense, or the newest ones."""
    session = session_of(context)
    screen = session.screen
    with session.service() as service:
        if defense_id is not None:
            defense = service.defenses.get(defense_id)
            if screen.as_json:
                screen.result("defense", defense)
            else:
                show_defense(screen, defense)
            return
        defenses = service.defenses.all(most=most, status=only)
    if screen.as_json:
        screen.result("defenses", defenses)
    elif defenses:
        show_defenses(screen, defenses)
    else:
        screen.say("no defenses yet; `polarizer defend` asks for one")


def watch(
    context: typer.Context,
    defense_id: DefenseId,
    out: Annotated[
        Path | None, typer.Option(help="folder for the repaired model and its report")
    ] = None,
    on_interrupt: Annotated[
        OnInterrupt, typer.Option(help="what Ctrl-C does to the defense")
    ] = OnInterrupt.ASK,
) -> None:
    """Follow a defense to its end. With --json: every event as a document, then the defense."""
    session = session_of(context)
    screen = session.screen
    with session.service() as service:
        each = Documents(screen) if screen.as_json else None
        defense = follow(service, screen, defense_id, on_interrupt, each=each)
        if out is not None and defense.status is Status.SUCCEEDED:
            keep_results(service, screen, defense, out)
    if screen.as_json:
        screen.result("defense", defense)
    else:
        show_defense(screen, defense)
    require_success(defense)


class Documents(Silent):
    """Events as JSON, one a line."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def event(self, event: Event) -> None:
        self._screen.result("event", event)


def cancel(context: typer.Context, defense_id: DefenseId) -> None:
    """Stop a defense. Nothing happens to one that has ended."""
    session = session_of(context)
    with session.service() as service:
        defense = service.defenses.cancel(defense_id)
    if session.screen.as_json:
        session.screen.result("defense", defense)
    else:
        session.screen.line(f"{defense.id} is {defense.status}")


def delete(context: typer.Context, defense_id: DefenseId) -> None:
    """Forget an ended defense: events, inputs, report. Its model stays."""
    session = session_of(context)
    with session.service() as service:
        service.defenses.delete(defense_id)
    if session.screen.as_json:
        session.screen.result("deleted", {"id": defense_id})
    else:
        session.screen.line(f"{defense_id} is forgotten")
