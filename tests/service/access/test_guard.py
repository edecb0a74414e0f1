"""No route without a rule, and no rule without a route."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import APIRouter, Request, Response

from service.access.errors import ForbiddenError
from service.access.guard import Guarded, guarded, require_ruled
from service.access.policy import OPEN, RULES
from service.access.scopes import GRANTS, Scope, granted


def test_a_route_past_the_guard_keeps_the_application_from_starting() -> None:
    router = APIRouter()
    router.get("/v1/models")(list_models)
    with pytest.raises(RuntimeError, match="list_models: .* route_class=Guarded"):
        require_ruled([router])


def list_models() -> None:
    """Has a rule, as it is called."""


def test_a_route_without_a_rule_keeps_the_application_from_starting() -> None:
    router = APIRouter(route_class=Guarded)

    @router.get("/v1/secrets")
    def list_secrets() -> None:
        pass

    with pytest.raises(RuntimeError, match=r"list_secrets: say in service/access/policy\.py"):
        require_ruled([router])


def test_what_has_no_rule_is_for_nobody() -> None:
    async def answer(_request: Request) -> Response:
        return Response()

    request = Request({"type": "http"})
    with pytest.raises(ForbiddenError, match="has no rule"):
        asyncio.run(guarded("list_secrets", answer)(request))
    assert guarded("health", answer) is answer


def test_every_rule_names_a_scope_that_somebody_can_have() -> None:
    assert not OPEN & RULES.keys()
    for name, rule in RULES.items():
        assert rule.scopes, name


def test_scopes_hold_what_weaker_ones_hold() -> None:
    assert granted(["defend", "infer"]) == {Scope.DEFEND, Scope.READ, Scope.INFER}
    assert granted(["admin"]) == set(Scope) - {Scope.METRICS}
    assert granted([]) == frozenset()
    for scope, held in GRANTS.items():
        assert scope in held
        assert granted(held) == held
