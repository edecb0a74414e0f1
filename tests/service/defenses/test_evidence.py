"""How evidence is asked for, and kept for the worker."""

from __future__ import annotations

from typing import Any

import pytest

from polarizer.evidence.config import EvidenceConfig
from service.records import DefenseRecord
from tests.service.conftest import Site
from tests.service.defenses.conftest import body

DEFAULT = EvidenceConfig().model_dump()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, DEFAULT),
        ({"evidence": None}, None),
        ({"evidence": {"steps": 7}}, DEFAULT | {"steps": 7}),
    ],
)
def test_evidence_is_looked_for_unless_it_is_declined(
    site: Site, sent: dict[str, Any], kept: dict[str, Any] | None
) -> None:
    defense = site.client.post("/v1/defenses", json=body(site, **sent)).json()
    assert defense["evidence"] == kept
    with site.resources.database.read() as session:
        assert session.get_one(DefenseRecord, defense["id"]).request["evidence"] == kept


def test_settings_out_of_range_are_refused(site: Site) -> None:
    refused = site.client.post("/v1/defenses", json=body(site, evidence={"steps": 0}))
    assert refused.status_code == 422
    assert "evidence.steps" in refused.json()["detail"]
