"""The reference page: whole, and without anything from elsewhere."""

from __future__ import annotations

import re
from html import unescape

from service.reference import page
from tests.service.conftest import Site


def test_every_operation_is_on_the_page(quiet_site: Site) -> None:
    answer = quiet_site.client.get("/", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    document = quiet_site.client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f'id="{operation["operationId"]}"' in answer.text
            assert f"<b>{method.upper()}</b> {path}" in unescape(answer.text)


def test_the_page_asks_nobody_else(quiet_site: Site) -> None:
    text = quiet_site.client.get("/docs").text
    linked = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert linked
    assert all(link.startswith("/") and not link.startswith("//") for link in linked)
    assert "<script" not in text
    assert "style=" not in text
    for link in linked:
        assert quiet_site.client.get(link).status_code == 200


def test_what_is_shown_is_escaped() -> None:
    operation = {
        "tags": ["<evil-t>"],
        "operationId": "<evil-o>",
        "description": "<evil-d>",
        "responses": {},
    }
    document = {
        "info": {"title": "<evil-i>", "description": "<evil-e>"},
        "paths": {"/<evil-p>": {"get": operation}},
    }
    shown = page(document)
    assert "evil" in shown
    assert "<evil" not in shown
