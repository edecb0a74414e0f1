"""From what a request sent to who is asking, mostly without the database.

Rows of keys are remembered for :data:`SECONDS`, so that a revocation, a changed limit and the first
key of all are noticed within that time by every process, and at once by the one that made it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from service.access import repository, tokens
from service.access.buckets import Bucket, Rate
from service.access.callers import ANONYMOUS, Caller
from service.access.errors import RateLimitedError, UnauthorizedError
from service.access.limits import Limits
from service.access.scopes import granted
from service.access.uses import Uses
from service.database import Database
from service.records import KeyRecord, TenantRecord
from service.server import is_loopback
from service.settings import Settings

SECONDS = 5.0
MOST = 4096
"""Keys that are remembered, and as many ids that were asked for and are nobody's."""
STRANGERS = Rate("strangers", per_second=50, burst=500)
"""How often a process looks for keys that it has not seen."""

_NEEDED = "this service asks for a key: send it as `Authorization: Bearer np_…`"
_WRONG = "this is not a key of this service"


@dataclass(frozen=True)
class Known:
    """A key as it was in the database at some moment."""

    caller: Caller
    sha256: str
    expires_at: datetime | None
    revoked: bool

    @classmethod
    def of(cls, settings: Settings, key: KeyRecord, tenant: TenantRecord) -> Known:
        caller = Caller(
            key.tenant,
            key.id,
            granted(key.scopes),
            Limits.of(settings, tenant.limits),
            key.requests_per_second,
        )
        return cls(caller, key.secret_sha256, key.expires_at, key.revoked_at is not None)


class Keyring:
    """Belongs to one event loop; ``forget`` and ``flush`` may be called from any thread."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._today = today
        self._known: dict[str, tuple[float, Known]] = {}
        self._unknown: dict[str, float] = {}
        self._loading: dict[str, asyncio.Task[Known | None]] = {}
        self._uses = Uses(database)
        own_door = settings.allow_anonymous or is_loopback(settings.host)
        self._closed = settings.require_keys is True or not own_door
        self._open_until = 0.0
        self._strangers = Bucket(STRANGERS, clock())

    async def caller(self, authorization: str | None) -> Caller:
        """Whoever sent this ``Authorization`` header. Raises UnauthorizedError, RateLimitedError
        (a key that was not seen yet, among very many)."""
        if authorization is None:
            await self._require_open()
            return ANONYMOUS
        token = _token(authorization)
        known = await self._find(token.key_id)
        if known is None or not token.is_of(known.sha256):
            raise UnauthorizedError(_WRONG)
        self._require_good(known)
        self._uses.note(token.key_id, self._today())
        return known.caller

    def forget(self) -> None:
        """A key was made or revoked in this process: whoever asks from now on is told anew."""
        self._closed = self._closed or self._settings.require_keys is None
        self._known = {key_id: (0.0, known) for key_id, (_, known) in self._known.items()}
        self._unknown = {}

    def flush(self) -> None:
        """Writes down when keys were used last."""
        self._uses.flush()

    async def _require_open(self) -> None:
        if not self._closed and self._settings.require_keys is None:
            asked_at = self._clock()
            if asked_at >= self._open_until:
                found = await asyncio.to_thread(self._any_key)
                self._closed = self._closed or found  # and stays so
                self._open_until = asked_at + SECONDS
        if self._closed:
            raise UnauthorizedError(_NEEDED, sent=False)

    def _any_key(self) -> bool:
        with self._database.read() as session:
            return repository.any_key(session)

    def _require_good(self, known: Known) -> None:
        whose = known.caller
        if known.revoked:
            raise UnauthorizedError("this key was revoked", caller=whose)
        if known.expires_at is not None and known.expires_at <= self._today():
            raise UnauthorizedError(f"this key expired at {known.expires_at:%FT%TZ}", caller=whose)

    async def _find(self, key_id: str) -> Known | None:
        until, known = self._known.get(key_id, (0.0, None))
        if known is not None and self._clock() < until:
            return known
        if self._clock() < self._unknown.get(key_id, 0.0):
            return None
        loading = self._loading.get(key_id)
        if loading is None:
            if known is None:
                self._require_patience()
            loading = self._loading[key_id] = asyncio.create_task(self._load(key_id))
            loading.add_done_callback(lambda _: self._loading.pop(key_id, None))
        return await asyncio.shield(loading)

    def _require_patience(self) -> None:
        """Keys that were never seen may not keep the database from those that were."""
        if wait := self._strangers.take(self._clock()).wait:
            raise RateLimitedError(
                "many keys that nobody knows are being tried; try again",
                retry_after=math.ceil(wait),
            )

    async def _load(self, key_id: str) -> Known | None:
        good, bad, until = self._known, self._unknown, self._clock() + SECONDS
        known = await asyncio.to_thread(self._look_up, key_id)
        for table in (good, bad):
            if len(table) >= MOST:
                table.clear()
        if known:
            good[key_id] = (until, known)  # in vain if all was forgotten meanwhile
        else:
            bad[key_id] = until
        return known

    def _look_up(self, key_id: str) -> Known | None:
        with self._database.read() as session:
            found = repository.with_tenant(session, key_id)
            return Known.of(self._settings, *found) if found else None


def _token(authorization: str) -> tokens.Token:
    kind, _, text = authorization.partition(" ")
    token = tokens.parse(text.strip()) if kind.lower() == "bearer" else None
    if token is None:
        raise UnauthorizedError(f"{_WRONG}; a key is sent as `Authorization: Bearer np_…`")
    return token
