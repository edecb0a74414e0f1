"""The report as a page over HTTP."""

from __future__ import annotations

from service.reports.style import POLICY
from tests.service.conftest import Site
from tests.service.defenses.conftest import Worker, small_worker
from tests.service.defenses.test_endpoints import make
from tests.service.reports import samples
from tests.service.test_app import problem

__all__ = ["small_worker"]


def test_a_browser_gets_a_page(small_site: Site, small_worker: Worker) -> None:
    defense_id = make(small_site)
    stored = samples.everything().model_dump_json().encode()
    small_worker.succeed(small_worker.claim(defense_id), stored)
    address = f"/v1/defenses/{defense_id}/report"
    answer = small_site.client.get(address, headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["cache-control"] == "no-store"
    assert f'filename="{defense_id}.html"' in answer.headers["content-disposition"]
    assert "The backdoor no longer opens" in answer.text
    card = small_site.client.get(address, headers={"Accept": "text/markdown"})
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert card.text.startswith("---\npipeline_tag:")
    bom = small_site.client.get(address, headers={"Accept": "application/vnd.cyclonedx+json"})
    assert bom.headers["content-type"] == "application/vnd.cyclonedx+json"
    assert bom.json()["bomFormat"] == "CycloneDX"
    same = small_site.client.get(address)
    assert same.headers["content-type"] == "application/json"
    assert same.headers["vary"] == "Accept"
    assert same.content == stored


def test_a_page_of_a_strange_report_is_refused(
    small_site: Site,
    small_worker: Worker,
) -> None:
    defense_id = make(small_site)
    small_worker.succeed(small_worker.claim(defense_id), b'{"schema_version": 2}')
    address = f"/v1/defenses/{defense_id}/report"
    answer = small_site.client.get(address, headers={"Accept": "text/html"})
    assert "application/json" in problem(answer, 409, "conflict")["detail"]
