"""The forms that a report is given in, each by its media type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from service.defenses.report import Report
from service.reports.bom import bom
from service.reports.card import card
from service.reports.page import page
from service.reports.style import POLICY

JSON = "application/json"


@dataclass(frozen=True)
class Form:
    """``make`` gives the text; ``extension`` is of the file that a browser would save."""

    make: Callable[[Report], str]
    extension: str
    headers: Mapping[str, str] = field(default_factory=dict)


def _bom_text(report: Report) -> str:
    return json.dumps(bom(report), indent=1)


FORMS: Mapping[str, Form] = {
    "text/html": Form(page, "html", {"Content-Security-Policy": POLICY}),
    "text/markdown": Form(card, "md"),
    "application/vnd.cyclonedx+json": Form(_bom_text, "cdx.json"),
}
"""All but JSON, which is what is stored."""

OFFERED = (JSON, *FORMS)
