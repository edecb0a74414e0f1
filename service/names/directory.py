"""Which model answers to a name or an id: asked by every inference, so it is remembered shortly."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.orm import Session

from polarizer.description import ModelDescription
from service.database import Database
from service.errors import NotFoundError
from service.models import repository as models
from service.names import repository
from service.records import ModelRecord

SECONDS = 1.0
"""How long another process's move of a name may go unnoticed here."""
MOST = 1024
MODEL = "mdl_"
"""Ids of models begin so, and names do not."""
ONLY_VERSION = "1"
"""Of a model that is called by its id."""

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_Key = tuple[str, str, str | None]


@dataclass(frozen=True)
class Target:
    """What a caller's name leads to."""

    name: str
    version: str
    model: ModelRecord

    @cached_property
    def description(self) -> ModelDescription:
        return ModelDescription.model_validate(self.model.description)

    @property
    def alarm(self) -> bool:
        """Whether the model's alarm is there and on."""
        return self.model.alarm is not None and self.model.alarm_on


class Directory:
    """Belongs to one event loop; ``forget`` may be called from any thread."""

    def __init__(
        self,
        database: Database,
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._seconds = seconds
        self._clock = clock
        self._known: dict[_Key, tuple[float, Target]] = {}

    async def find(self, tenant: str, name: str, version: str | None = None) -> Target:
        """The model behind a name or id; without a version, the one that answers now.

        Raises NotFoundError.
        """
        key = (tenant, name, version)
        known = self._known
        until, target = known.get(key, (0.0, None))
        if target is not None and self._clock() < until:
            return target
        asked_at = self._clock()
        target = await asyncio.to_thread(self._look_up, *key)
        if len(known) >= MOST:
            known.clear()
        known[key] = (asked_at + self._seconds, target)  # in vain if it was forgotten meanwhile
        return target

    async def find_model(self, tenant: str, model_id: str) -> Target:
        """A model by its id only. Raises NotFoundError."""
        if not model_id.startswith(MODEL):
            raise NotFoundError(f"there is no model {model_id!r:.80}")
        return await self.find(tenant, model_id)

    async def find_name(self, tenant: str, name: str) -> Target:
        """The model that answers to a name; no id. Raises NotFoundError."""
        if name.startswith(MODEL):
            raise NotFoundError(f"there is no name {name!r:.80}")
        return await self.find(tenant, name)

    def forget(self) -> None:
        """Something moved: whoever asks from now on is told anew."""
        self._known = {}

    def _look_up(self, tenant: str, name: str, version: str | None) -> Target:
        with self._database.read() as session:
            return find(session, tenant, name, version)


def find(session: Session, tenant: str, name: str, version: str | None) -> Target:
    """As :meth:`Directory.find`, from the database."""
    if name.startswith(MODEL):
        model = models.get(session, tenant, name)
        if version not in (None, ONLY_VERSION):
            raise NotFoundError(f"the model {name!r} has one version, {ONLY_VERSION}")
        return Target(name, ONLY_VERSION, model)
    record = repository.get(session, tenant, name)
    number = record.version if version is None else _number(name, version)
    model_id = repository.version(session, record, number).model_id
    if model_id is None:
        raise NotFoundError(f"the model of version {number} of {name!r} was deleted")
    return Target(name, str(number), models.get(session, tenant, model_id))


def _number(name: str, version: str) -> int:
    if _NUMBER.fullmatch(version) is None:
        raise NotFoundError(f"the name {name!r} has no version {version!r:.20}")
    return int(version)
