"""``/v1/webhooks/secrets``: what messages are signed by. ``/v1/defenses/{id}/deliveries``: how
they fared."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter

from service.access import audit
from service.access.guard import Guarded
from service.defenses import repository as defenses
from service.problems import responses
from service.resources import ResourcesDep, TenantDep
from service.webhooks import outbox, secrets, signing
from service.webhooks.schemas import (
    CreatedSecret,
    Deliveries,
    Delivery,
    NewSecret,
    Secret,
    Secrets,
)

router = APIRouter(prefix="/v1", tags=["webhooks"], route_class=Guarded)


@router.post("/webhooks/secrets", status_code=201, responses=responses())
def create_webhook_secret(
    resources: ResourcesDep, tenant: TenantDep, new: NewSecret | None = None
) -> CreatedSecret:
    """Makes the secret that the tenant's webhooks are signed by from now on. This answer is the
    only one that holds it; earlier secrets sign beside it for a while."""
    master = secrets.master_key(resources.settings)
    keep = timedelta(hours=(new or NewSecret()).keep_previous_hours)
    with resources.database.write() as session:
        record = secrets.create(session, tenant, keep_previous=keep)
        audit.note(session, record.id, 201)
        secret = signing.shown(secrets.derived(master, record))
        return CreatedSecret(**Secret.of(record).model_dump(), secret=secret)


@router.get("/webhooks/secrets", responses=responses())
def list_webhook_secrets(resources: ResourcesDep, tenant: TenantDep) -> Secrets:
    """Those that sign, newest first, but for what they are."""
    with resources.database.read() as session:
        return Secrets(data=[Secret.of(found) for found in secrets.current(session, tenant)])


@router.get("/defenses/{defense_id}/deliveries", responses=responses(404))
def list_deliveries(defense_id: str, resources: ResourcesDep, tenant: TenantDep) -> Deliveries:
    """What was sent, or is to be sent, to a defense's webhook, oldest first."""
    with resources.database.read() as session:
        defense = defenses.get(session, tenant, defense_id)
        found = outbox.of_defense(session, defense.id)
        return Deliveries(data=[Delivery.of(record) for record in found])
