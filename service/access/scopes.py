"""What a key may be for. A scope holds what weaker ones hold, so that most keys need one."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """``metrics`` is given at the host only, because what it shows is of all tenants."""

    READ = "read"
    INFER = "infer"
    DEFEND = "defend"
    ADMIN = "admin"
    METRICS = "metrics"


GRANTS: dict[Scope, frozenset[Scope]] = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.INFER: frozenset({Scope.INFER}),
    Scope.DEFEND: frozenset({Scope.DEFEND, Scope.READ}),
    Scope.ADMIN: frozenset({Scope.ADMIN, Scope.DEFEND, Scope.READ, Scope.INFER}),
    Scope.METRICS: frozenset({Scope.METRICS}),
}
"""An admin could make a key with any scope of its tenant, so it need not."""

EVERYTHING = frozenset(Scope)
TENANT_SCOPES = (Scope.READ, Scope.INFER, Scope.DEFEND, Scope.ADMIN)
"""Those that an admin can give."""


def granted(scopes: Iterable[str]) -> frozenset[Scope]:
    """All that a key with these scopes may be used for."""
    return frozenset().union(*(GRANTS[Scope(scope)] for scope in scopes))
