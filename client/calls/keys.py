"""``/v1/keys``, ``/v1/whoami``, ``/v1/audit``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from client.account import CreatedKey, Entry, Key, Myself
from client.call import Call, nothing, record
from client.calls.paging import page_params
from client.records import Page

KEYS = "/v1/keys"


def create(
    name: str,
    scopes: Sequence[str],
    *,
    expires_at: datetime | None = None,
    requests_per_second: float | None = None,
) -> Call[CreatedKey]:
    """Makes a key of the caller's tenant; scopes are ``read``, ``infer``, ``defend``, ``admin``.
    Only this answer holds it. ``expires_at`` needs a time zone."""
    body: dict[str, Any] = {"name": name, "scopes": list(scopes)}
    if expires_at is not None:
        body["expires_at"] = expires_at.isoformat()
    if requests_per_second is not None:
        body["requests_per_second"] = requests_per_second
    return Call("POST", KEYS, record(CreatedKey), json=body, repeatable=False)


def list_(*, limit: int = 20, after: str | None = None) -> Call[Page[Key]]:
    """Keys of the tenant, newest first, revoked ones too."""
    return Call("GET", KEYS, record(Page[Key]), params=page_params(limit, after))


def get(key_id: str) -> Call[Key]:
    """One key, but for its secret."""
    return Call("GET", f"{KEYS}/{key_id}", record(Key))


def revoke(key_id: str) -> Call[None]:
    """Refuses a key from now on; repeating it changes nothing."""
    return Call("DELETE", f"{KEYS}/{key_id}", nothing)


def whoami() -> Call[Myself]:
    """Tenant, scopes and limits of the key that is sent, and what is used."""
    return Call("GET", "/v1/whoami", record(Myself))


def audit(*, limit: int = 20, after: str | None = None) -> Call[Page[Entry]]:
    """What was changed, and what was refused, newest first."""
    return Call("GET", "/v1/audit", record(Page[Entry]), params=page_params(limit, after))
