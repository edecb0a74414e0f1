"""``/v1/names``: names that callers infer by, pointed at one model after the other."""

from __future__ import annotations

from fastapi import APIRouter, Response

from service.access.guard import Guarded
from service.names import repository, service
from service.names.schemas import Name, Pointer, Rollback, ShortName
from service.pagination import After, Limit, Page
from service.problems import responses
from service.resources import ResourcesDep, TenantDep

router = APIRouter(prefix="/v1/names", tags=["names"], route_class=Guarded)


@router.get("", responses=responses())
def list_names(
    resources: ResourcesDep, tenant: TenantDep, limit: Limit = 20, after: After = None
) -> Page[ShortName]:
    """Names, by the alphabet; the next page is `after` the last name."""
    with resources.database.read() as session:
        found, has_more = repository.page(session, tenant, after=after, limit=limit)
        return Page(data=[ShortName.short(record) for record in found], has_more=has_more)


@router.get("/{name}", responses=responses(404))
def get_name(name: str, resources: ResourcesDep, tenant: TenantDep) -> Name:
    """One name: the model that answers, and the versions before it."""
    with resources.database.read() as session:
        return Name.of(session, repository.get(session, tenant, name))


@router.put("/{name}", responses=responses(404) | {201: {"model": Name}})
def put_name(
    name: str, pointer: Pointer, resources: ResourcesDep, tenant: TenantDep, response: Response
) -> Name:
    """Points the name at a model: its next version, which answers from now on.

    Requests that are being answered are finished by the model that they began with. Pointing at
    the model that answers already changes nothing.
    """
    found, new = service.point(resources.database, tenant, name, pointer.model_id)
    resources.directory.forget()
    if new:
        response.status_code = 201
    return found


@router.post("/{name}/rollback", responses=responses(404, 409))
def roll_back_name(
    name: str, resources: ResourcesDep, tenant: TenantDep, rollback: Rollback | None = None
) -> Name:
    """Lets an earlier version answer again: the one before, or the one that is named.

    No version is made or lost by it, and a later one may be named as well.
    """
    wanted = rollback.version if rollback else None
    found = service.roll_back(resources.database, tenant, name, wanted)
    resources.directory.forget()
    return found


@router.delete("/{name}", status_code=204, responses=responses(404))
def delete_name(name: str, resources: ResourcesDep, tenant: TenantDep) -> None:
    """Forgets the name and its history; the models stay."""
    service.remove(resources.database, tenant, name)
    resources.directory.forget()
