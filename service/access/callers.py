"""Who is asking, and for what: known to everything that runs for a request, as its id is to the
log. What runs for nobody (a worker, a command at the host) has no act."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property

from service.access.buckets import Rate
from service.access.limits import Limits
from service.access.scopes import EVERYTHING, Scope

DEFAULT_TENANT = "default"
"""Whose everything is that is done without a key."""


@dataclass(frozen=True)
class Caller:
    """A key that was accepted, or somebody without one who may be here."""

    tenant: str
    key_id: str | None
    scopes: frozenset[Scope]
    limits: Limits | None = None
    requests_per_second: float | None = None
    """Of this key alone, below its tenant's."""

    @cached_property
    def rates(self) -> tuple[Rate, ...]:
        """The key's first: what that refuses is not taken from the tenant."""
        key = _rate(f"key:{self.key_id}", self.requests_per_second)
        if self.limits is None:
            return key
        tenant = f"tenant:{self.tenant}"
        return key + _rate(tenant, self.limits.requests_per_second, self.limits.request_burst)


def _rate(name: str, per_second: float | None, burst: int = 0) -> tuple[Rate, ...]:
    if not per_second:
        return ()
    return (Rate(name, per_second, burst or max(1, math.ceil(2 * per_second))),)


ANONYMOUS = Caller(DEFAULT_TENANT, None, EVERYTHING)
"""The owner of the machine: all scopes, no limits."""


@dataclass
class Act:
    """One call of an operation. ``noted`` once it is in the audit log."""

    operation: str
    target: str | None
    address: str | None
    request_id: str | None
    caller: Caller | None = None
    noted: bool = False


acting: ContextVar[Act | None] = ContextVar("acting", default=None)


@contextmanager
def operator(operation: str, tenant: str) -> Iterator[None]:
    """What runs in the block is the operator's, at the host."""
    caller = Caller(tenant, None, EVERYTHING)
    token = acting.set(Act(operation, None, None, None, caller))
    try:
        yield
    finally:
        acting.reset(token)


def limits_of_caller() -> Limits | None:
    """None for those who have none: callers without a key, and what runs for nobody."""
    act = acting.get()
    return act.caller.limits if act and act.caller else None
