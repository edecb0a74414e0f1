"""``/v1/defenses``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from client.call import Call, nothing, record
from client.calls.documents import Document, document
from client.calls.paging import page_params
from client.errors import InputError
from client.records import Defense, Event, Page, Report, Status

ROOT = "/v1/defenses"
MAX_WAIT = 60

Reference = str | Mapping[str, str]
"""``upl_…``, ``s3://bucket/key``, or ``{"uri": …, "sha256": …}``."""


def create(
    *,
    model: Reference,
    clean: Reference,
    test: Reference | None = None,
    triggered: Reference | None = None,
    target_class: int | str | None = None,
    description: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    evidence: Mapping[str, Any] | bool = True,
    attack_tests: Sequence[str] = (),
    name: str | None = None,
    priority: int | None = None,
    queue: str | None = None,
    fresh: bool = False,
    webhook: Mapping[str, Any] | str | None = None,
    idempotency_key: str | None = None,
) -> Call[Defense]:
    """Asks for a defense. ``evidence=False``: triggers that nobody sent are not looked for.
    ``priority``: 0 to 9; of the caller's own jobs those with a higher one go first.
    ``queue``: which workers take it, ``cpu`` or ``gpu``; left out, the service chooses.
    ``fresh``: the same defense, made before, does not answer; it is made anew.
    ``webhook``: whom to tell what becomes of it, an address or ``{"url": …, "events": […]}``.

    The call carries an ``Idempotency-Key`` (a fresh one, if none is given), so sending it again
    makes no second defense.
    """
    roles = {"model": model, "clean": clean, "test": test, "triggered": triggered}
    wanted: dict[str, Any] = {
        role: reference(given) for role, given in roles.items() if given is not None
    }
    optional = {
        "target_class": target_class,
        "description": description,
        "config": config,
        "name": name,
        "priority": priority,
        "queue": queue,
        "webhook": {"url": webhook} if isinstance(webhook, str) else webhook,
        "attack_tests": list(attack_tests) or None,
        "fresh": fresh or None,
    }
    wanted |= {field: value for field, value in optional.items() if value is not None}
    if evidence is not True:
        wanted["evidence"] = evidence or None
    return Call(
        "POST",
        ROOT,
        record(Defense),
        headers={"idempotency-key": idempotency_key or uuid4().hex},
        json=wanted,
    )


def reference(given: Reference) -> dict[str, str]:
    """As the API wants it."""
    if not isinstance(given, str):
        return dict(given)
    if given.startswith("upl_"):
        return {"upload": given}
    if "://" in given:
        return {"uri": given}
    raise InputError(f"{given!r} is neither an upload's id (upl_…) nor a URI (s3://bucket/key)")


def list_(
    *, limit: int = 20, after: str | None = None, status: Status | str | None = None
) -> Call[Page[Defense]]:
    """Defenses, newest first."""
    params = page_params(limit, after, status=status)
    return Call("GET", ROOT, record(Page[Defense]), params=params)


def get(defense_id: str, *, wait: int = 0) -> Call[Defense]:
    """One defense; with ``wait``, once it has ended or after so many seconds (at most 60)."""
    seconds = max(0, min(wait, MAX_WAIT))
    headers = {"prefer": f"wait={seconds}"} if seconds else {}
    return Call("GET", f"{ROOT}/{defense_id}", record(Defense), headers=headers, wait=seconds)


def events(defense_id: str, *, after: int = 0, limit: int = 100) -> Call[Page[Event]]:
    """What happened, oldest first, from the event after number ``after``."""
    params = {"after": after, "limit": limit}
    return Call("GET", f"{ROOT}/{defense_id}/events", record(Page[Event]), params=params)


def cancel(defense_id: str) -> Call[Defense]:
    """Stops a defense; changes nothing when it has ended."""
    return Call("POST", f"{ROOT}/{defense_id}/cancel", record(Defense))


def delete(defense_id: str) -> Call[None]:
    """Forgets an ended defense; its purified model stays."""
    return Call("DELETE", f"{ROOT}/{defense_id}", nothing)


def report(defense_id: str) -> Call[Report]:
    """What was measured, before and after."""
    return Call("GET", f"{ROOT}/{defense_id}/report", record(Report))


def report_file(defense_id: str, *, media_type: str = "application/json") -> Call[Document]:
    """The report as the service sends it, in this form if it has it."""
    return document(f"{ROOT}/{defense_id}/report", media_type)
