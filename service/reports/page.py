"""The report as one page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from service.defenses.report import Report
from service.reports.markup import Markup, element, name, raw
from service.reports.sections.attacks import attacks
from service.reports.sections.data import alarm, data, warnings
from service.reports.sections.evidence import evidence
from service.reports.sections.numbers import by_class, confusion, numbers
from service.reports.sections.provenance import limits, provenance, timings
from service.reports.sections.training import training
from service.reports.style import INSIDE_POLICY, STYLE
from service.reports.verdict import Level, Verdict, verdict

_SIGNS = {
    Level.GOOD: ("good", "✓"),
    Level.MIXED: ("mixed", "!"),
    Level.BAD: ("bad", "✕"),
    Level.UNKNOWN: ("unknown", "?"),
}
_LINKS = (
    ("numbers", "Before and after"),
    ("evidence", "Search without a trigger"),
    ("limits", "What this does not prove"),
    ("repair", "The repair"),
    ("data", "The images"),
    ("provenance", "Where it comes from"),
)


def page(report: Report) -> str:
    """HTML of the whole report; what was not measured is left out or said to be missing."""
    said = verdict(report)
    sections = (
        numbers(report),
        by_class(report),
        confusion(report),
        evidence(report),
        attacks(report),
        warnings(report),
        limits(report),
        training(report),
        data(report),
        alarm(report),
        timings(report),
        provenance(report),
    )
    body = element(
        "body",
        _header(report),
        element("main", _verdict(said), _contents(), *sections),
        element(
            "footer",
            "Made by the Neural Polarizer Service from the report's JSON, which holds"
            " every number in full.",
        ),
    )
    return "<!doctype html>" + element("html", _head(report, said), body, lang="en")


def _head(report: Report, said: Verdict) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=INSIDE_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{said.title} – {report.defense_id}"),
        element("style", raw(STYLE)),
    )


def _header(report: Report) -> Markup:
    model = report.model
    shape = f"{model.input.height}×{model.input.width}"
    return element(
        "header",
        element("h1", "Repair of an image classifier"),
        element(
            "p",
            element("code", name(report.defense_id)),
            f" · {model.architecture.name}, {len(model.classes)} classes, {shape} pixels",
            class_="note",
        ),
    )


def _verdict(said: Verdict) -> Markup:
    kind, sign = _SIGNS[said.level]
    return element(
        "section",
        element(
            "p", element("span", sign, aria_hidden="true"), f"Verdict: {said.level}", class_="level"
        ),
        element("h2", said.title, id="verdict"),
        *(element("p", sentence) for sentence in said.sentences),
        class_=f"verdict {kind}",
        aria_labelledby="verdict",
    )


def _contents() -> Markup:
    links = [element("li", element("a", title, href=f"#{target}")) for target, title in _LINKS]
    return element("nav", element("ul", *links), aria_label="Contents")
