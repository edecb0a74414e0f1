"""Following a defense to its end, and what an interrupt means meanwhile."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType

import typer

from client.clients import Polarizer
from client.command.outcomes import Exit
from client.command.progress import Reporter, reporter
from client.command.screen import Screen
from client.errors import ClientError
from client.records import Defense


class OnInterrupt(StrEnum):
    """What Ctrl-C (or SIGTERM) does to the defense."""

    ASK = "ask"  # on a terminal; elsewhere it goes on
    CANCEL = "cancel"
    LEAVE = "leave"


def follow(
    service: Polarizer,
    screen: Screen,
    defense_id: str,
    on_interrupt: OnInterrupt,
    *,
    each: Reporter | None = None,
) -> Defense:
    """Shows the defense until it has ended. Raises typer.Exit when interrupted."""
    try:
        with terminated_as_interrupted(), each or reporter(screen) as shows:
            for event in service.defenses.follow(defense_id):
                shows.event(event)
        return service.defenses.get(defense_id)
    except KeyboardInterrupt:
        _interrupted(service, screen, defense_id, on_interrupt)
        raise typer.Exit(Exit.INTERRUPTED) from None


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM, which is how CI systems stop a step, as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupted(
    service: Polarizer, screen: Screen, defense_id: str, on_interrupt: OnInterrupt
) -> None:
    if on_interrupt is OnInterrupt.CANCEL or (on_interrupt is OnInterrupt.ASK and _agrees(screen)):
        try:
            service.defenses.cancel(defense_id)
        except ClientError as error:
            screen.complain(f"{defense_id} could not be cancelled: {error}")
        else:
            screen.say(f"{defense_id} is being cancelled")
        return
    screen.complain(
        f"{defense_id} goes on without us: `polarizer watch {defense_id}` follows it,"
        f" `polarizer cancel {defense_id}` stops it"
    )


def _agrees(screen: Screen) -> bool:
    """Another Ctrl-C at the question is a no."""
    if not screen.asks:
        return False
    try:
        return typer.confirm("\nCancel the defense too?", default=False, err=True)
    except (KeyboardInterrupt, typer.Abort):
        screen.say("")
        return False
