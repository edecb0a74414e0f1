"""axe-core in a page: what of it somebody could not see, hear or reach."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from tests.service.pages.chromium import Browser

_SCRIPT = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
_RUN = """axe.run(document, {resultTypes: ['violations']}).then(({violations}) =>
    violations.flatMap(({id, help, nodes}) => nodes.map(({html, failureSummary}) =>
        [id, help, html.slice(0, 300), failureSummary])))"""


def violations(page: Browser) -> list[str]:
    """Of every rule of axe-core, its best practices included. It runs in a world of its own, so
    that the page's policy neither stops it nor is changed for it."""
    frame = page.ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = page.ask("Page.createIsolatedWorld", frameId=frame, worldName="axe")
    found: list[Any] = []
    for expression in (_SCRIPT + ";0", _RUN):
        found = page.look(expression, world=world["executionContextId"])
    return [json.dumps(one, ensure_ascii=False) for one in found]
