"""``/v1/retention``, ``/v1/erasures``: what the caller's tenant keeps, and how it leaves."""

from __future__ import annotations

import httpx

from client.account import Erasure, Retention
from client.call import Call, record
from client.calls.paging import page_params
from client.records import Page

RETENTION = "/v1/retention"
EXPORT = "/v1/export"
ERASURES = "/v1/erasures"


def retention() -> Call[Retention]:
    """How long the tenant's things are kept."""
    return Call("GET", RETENTION, record(Retention))


def keep(
    *,
    uploads_days: int | None = None,
    defenses_days: int | None = None,
    models_days: int | None = None,
    events_days: int | None = None,
) -> Call[Retention]:
    """Gives the tenant periods of its own, in days, in place of those that it had; 0 is for ever,
    None as the service says."""
    body = {
        "uploads_days": uploads_days,
        "defenses_days": defenses_days,
        "models_days": models_days,
        "events_days": events_days,
    }
    return Call("PUT", RETENTION, record(Retention), json=body)


def erase(*, confirm: str) -> Call[Erasure]:
    """Deletes everything of the tenant, whose name has to be told, but its keys and audit log.
    Asking again before it is finished changes nothing."""
    return Call("POST", ERASURES, record(Erasure), json={"confirm": confirm})


def erasures(*, limit: int = 20, after: str | None = None) -> Call[Page[Erasure]]:
    """Erasures, newest first."""
    return Call("GET", ERASURES, record(Page[Erasure]), params=page_params(limit, after))


def erasure(erasure_id: str) -> Call[Erasure]:
    """One erasure."""
    return Call("GET", f"{ERASURES}/{erasure_id}", record(Erasure))


def certificate(erasure_id: str) -> Call[bytes]:
    """What a finished erasure deleted: lines of JSON, whose sha256 the erasure tells."""
    return Call("GET", f"{ERASURES}/{erasure_id}/certificate", _content)


def _content(answer: httpx.Response) -> bytes:
    return answer.content
