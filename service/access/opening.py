"""Whether the service may listen where it is told to: beyond loopback nobody comes in without a
key, so there has to be one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect
from sqlalchemy.engine import make_url

from service.access import repository
from service.database import Database
from service.records import KeyRecord
from service.server import is_loopback
from service.settings import Settings


class NobodyCouldComeError(Exception):
    """There is no key, and without one nobody may come."""


def require_somebody(settings: Settings) -> None:
    """Raises NobodyCouldComeError, saying what to do. Creates nothing, migrates nothing."""
    if settings.allow_anonymous and not settings.require_keys:
        return
    if not settings.require_keys and is_loopback(settings.host):
        return
    if settings.require_keys is False:
        raise NobodyCouldComeError(
            f"{settings.host} can be reached from outside, and POLARIZER_REQUIRE_KEYS=false lets"
            " whoever reaches it in: leave it out, or set POLARIZER_ALLOW_ANONYMOUS=true where"
            " something in front of the service asks who is there"
        )
    if not _has_usable_key(settings):
        raise NobodyCouldComeError(
            "there is no key, and without one nobody may come in: make the first one with"
            " `python -m service migrate` and `python -m service keys create --scope admin`."
            f" (Listening on {settings.host} without keys takes POLARIZER_ALLOW_ANONYMOUS=true, and"
            " something in front of the service that asks who is there.)"
        )


def _has_usable_key(settings: Settings) -> bool:
    if settings.database.startswith("sqlite"):
        file = make_url(settings.database).database
        if file and not Path(file).exists():
            return False
    database = Database(settings.database)
    try:
        if not inspect(database.engine).has_table(KeyRecord.__tablename__):
            return False
        with database.read() as session:
            return repository.any_usable_key(session)
    finally:
        database.dispose()
