"""The parts that look at every request, together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from service.access.audit import Audit
from service.access.keyring import Keyring
from service.access.rates import Rates
from service.database import Database
from service.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True)
class Access:
    """Belongs to one application."""

    keyring: Keyring
    rates: Rates
    audit: Audit

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Access:
        shared = None
        if settings.broker.startswith(("redis://", "rediss://")):
            from service.access.shared_rates import SharedBuckets  # and the client of Redis with it

            shared = SharedBuckets(settings.broker)
        return cls(Keyring(settings, database), Rates(shared), Audit(database))

    def write_down(self) -> None:
        """What requests left to be written: refusals, and when keys were used."""
        self.audit.flush()
        self.keyring.flush()

    async def close(self) -> None:
        """Writes down what is left, if the database is there, and leaves Redis."""
        try:
            await asyncio.to_thread(self.write_down)
        except SQLAlchemyError as error:
            log.warning("access_not_written", error=type(error).__name__)
        await self.rates.close()
