"""What every command has: a screen, a client, one way to fail."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import typer

from client.clients import Polarizer
from client.command.outcomes import Exit, exit_of, hint_of
from client.command.screen import Screen
from client.configuration import Configuration
from client.errors import ClientError, DefenseEndedError, ProblemError
from client.retries import Retries

Function = TypeVar("Function", bound=Callable[..., Any])

EVERYWHERE = (
    "--json, --plain, --quiet, --url, --api-key, --profile and --timeout may stand anywhere:"
    " polarizer --help tells what they mean."
)

PATIENT = Retries(attempts=4)  # somebody sits before it


@dataclass(frozen=True)
class Given:
    """What the user said about the service, as far as it was said."""

    url: str | None = None
    api_key: str | None = None
    profile: str | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Session:
    """Of one run of the command."""

    screen: Screen
    given: Given

    def configuration(self) -> Configuration:
        """Raises ConfigurationError."""
        given = self.given
        return Configuration.load(
            url=given.url, api_key=given.api_key, timeout=given.timeout, profile=given.profile
        )

    def service(self, retries: Retries = PATIENT) -> Polarizer:
        """A client; use it in a ``with`` block."""
        found = self.configuration()
        return Polarizer(found.url, found.api_key, timeout=found.timeout, retries=retries)


def session_of(context: typer.Context) -> Session:
    """Made by the callback of the whole command."""
    found: Session = context.find_root().obj
    return found


def command(app: typer.Typer, name: str, *, examples: str = "") -> Callable[[Function], Function]:
    """Registers a command; its errors become one line and an exit code."""
    epilog = "\n\n".join(filter(None, [_shown_examples(examples), EVERYWHERE]))

    def register(function: Function) -> Function:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            return guarded(kwargs["context"], lambda: function(*args, **kwargs))

        app.command(name, epilog=epilog, no_args_is_help=False)(run)
        return function

    return register


def group(
    app: typer.Typer, name: str, help_text: str, otherwise: Callable[[typer.Context], Any]
) -> typer.Typer:
    """A command with commands below it; alone it does ``otherwise``."""
    below = typer.Typer(name=name, help=help_text, rich_markup_mode=None)

    @below.callback(invoke_without_command=True)
    def alone(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            guarded(context, lambda: otherwise(context))

    app.add_typer(below)
    return below


def guarded(context: typer.Context, act: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Acts; what goes wrong is told, and ends the command with its code."""
    screen = session_of(context).screen
    try:
        return act()
    except ClientError as error:
        tell(screen, error)
        raise typer.Exit(exit_of(error)) from error
    except KeyboardInterrupt as error:
        screen.complain("interrupted")
        raise typer.Exit(Exit.INTERRUPTED) from error


def tell(screen: Screen, error: ClientError) -> None:
    """One line for people; with ``--json`` also a document."""
    screen.complain(str(error))
    if hint := hint_of(error):
        screen.say(hint)
    if screen.as_json:
        screen.result("error", about(error))


def about(error: ClientError) -> dict[str, Any]:
    """An error as data."""
    found: dict[str, Any] = {"message": str(error), "exit": int(exit_of(error)), "code": None}
    if isinstance(error, ProblemError):
        found |= {
            "code": error.slug,
            "status": error.status,
            "request_id": error.problem.request_id,
            "errors": list(error.problem.errors),
        }
    if isinstance(error, DefenseEndedError):
        found |= {"code": error.code, "defense_id": error.defense_id}
    return found


def _shown_examples(examples: str) -> str:
    """``\\b`` keeps the lines as they are."""
    lines = [line for line in examples.strip().splitlines() if line]
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)]) if lines else ""
