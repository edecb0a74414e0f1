"""Who is asking, and for what: known to everything that runs for a request, as its id is to the
log. What runs for nobody (a worker, a command at the host) has no act."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

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
