"""``/v1/keys``, ``/v1/whoami``, ``/v1/audit``: a tenant's keys, and what was done with them."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Response

from service.access import audit, repository, service
from service.access.guard import Guarded
from service.access.schemas import CreatedKey, Entry, Key, Myself, NewKey
from service.access.scopes import Scope
from service.pagination import After, Limit, Page
from service.problems import responses
from service.resources import CallerDep, Resources, ResourcesDep, TenantDep

router = APIRouter(prefix="/v1", tags=["access"], route_class=Guarded)


@router.get("/whoami", responses=responses())
def whoami(resources: ResourcesDep, caller: CallerDep) -> Myself:
    """The tenant and scopes of the key that was sent, its tenant's limits, and what is used."""
    with resources.database.read() as session:
        return Myself(
            tenant=caller.tenant,
            key_id=caller.key_id,
            scopes=sorted(caller.scopes),
            limits=caller.limits,
            requests_per_second=caller.requests_per_second,
            usage=service.usage(session, caller),
        )


@router.post("/keys", status_code=201, responses=responses(409))
async def create_key(
    new: NewKey, response: Response, resources: ResourcesDep, caller: CallerDep
) -> CreatedKey:
    """Makes a key of the caller's tenant. This answer is the only one that holds it."""
    created = await to_thread.run_sync(_create, resources, caller.tenant, caller.key_id, new)
    resources.access.keyring.forget()
    response.headers["Location"] = f"/v1/keys/{created.id}"
    return created


def _create(resources: Resources, tenant: str, by: str | None, new: NewKey) -> CreatedKey:
    with resources.database.write() as session:
        return service.create_key(
            session,
            tenant=tenant,
            name=new.name,
            scopes=[Scope(scope) for scope in new.scopes],
            expires_at=new.expires_at,
            requests_per_second=new.requests_per_second,
            created_by=by,
        )


@router.get("/keys", responses=responses())
def list_keys(
    resources: ResourcesDep, tenant: TenantDep, limit: Limit = 20, after: After = None
) -> Page[Key]:
    """The tenant's keys, newest first, revoked ones too."""
    with resources.database.read() as session:
        found, has_more = repository.page(session, tenant, after=after, limit=limit)
        return Page(data=[Key.of(record) for record in found], has_more=has_more)


@router.get("/keys/{key_id}", responses=responses(404))
def get_key(key_id: str, resources: ResourcesDep, tenant: TenantDep) -> Key:
    """One key, but for its secret."""
    with resources.database.read() as session:
        return Key.of(repository.get(session, tenant, key_id))


@router.delete("/keys/{key_id}", status_code=204, responses=responses(404))
async def revoke_key(key_id: str, resources: ResourcesDep, tenant: TenantDep) -> None:
    """Revokes a key, also the one that is used to ask. This process refuses it at once, others
    within five seconds. It stays in the list; repeating it changes nothing."""
    await to_thread.run_sync(_revoke, resources, tenant, key_id)
    resources.access.keyring.forget()


def _revoke(resources: Resources, tenant: str, key_id: str) -> None:
    with resources.database.write() as session:
        service.revoke_key(session, tenant, key_id)


@router.get("/audit", responses=responses())
def list_audit(
    resources: ResourcesDep, tenant: TenantDep, limit: Limit = 20, after: After = None
) -> Page[Entry]:
    """What was changed, and what was refused, newest first. Refusals by other processes come some
    seconds late."""
    resources.access.audit.flush()
    with resources.database.read() as session:
        found, has_more = audit.page(session, tenant, after=after, limit=limit)
        return Page(data=[Entry.of(record) for record in found], has_more=has_more)
