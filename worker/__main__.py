"""``python -m worker`` works; ``python -m worker healthy`` exits 0 if a worker is alive here."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from confinement import SandboxError
from service.database import SchemaError
from service.logging import configure_logging
from service.sandbox import check_sandbox
from service.settings import Settings
from service.tracing import TracingError

USAGE = "usage: python -m worker [healthy]"


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 done or healthy, 1 not, 2 for arguments that there are not."""
    match arguments:
        case []:
            return _work(Settings())
        case ["healthy"]:
            from worker.workplace import is_healthy

            return 0 if is_healthy(Settings().jobs_dir) else 1
        case _:
            sys.stderr.write(f"{USAGE}\n")
            return 2


def _work(settings: Settings) -> int:
    from worker.app import run_worker  # takes a moment, which a probe need not wait for

    configure_logging(settings)
    try:
        with _leaving_when_told():
            check_sandbox(settings.sandbox)
            return run_worker(settings)
    except (SandboxError, SchemaError, TracingError) as error:
        sys.stderr.write(f"{error}\n")
    except OperationalError:
        sys.stderr.write("the database of POLARIZER_DATABASE_URL cannot be reached\n")
    return 1


@contextmanager
def _leaving_when_told() -> Iterator[None]:
    """SIGTERM ends the process in order before Celery listens to it; there is no job then."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
