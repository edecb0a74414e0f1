"""What was found without the trigger: words, recovered patterns, numbers a class."""

from __future__ import annotations

from collections.abc import Sequence

from service.defenses.details import Surrogate
from service.defenses.evidence import ClassEvidenceFacts, ControlFacts, EvidenceFacts
from service.defenses.report import Report
from service.reports.charts import span
from service.reports.markup import Child, Markup, element, joined, name
from service.reports.pictures import data_uri
from service.reports.sections.numbers import class_name
from service.reports.sections.tables import MOST_ROWS, note, section, shortened, table
from service.reports.wording import number, percent


def evidence(report: Report) -> Markup:
    """The search for a backdoor on clean images alone."""
    found = report.evidence
    if found is None:
        return section("evidence", "Search without a trigger", note("It was not asked for."))
    classes = report.model.classes
    return section(
        "evidence",
        "Search without a trigger",
        element("p", name(found.words)),
        _suspects(found, classes),
        _pictures(report),
        _by_class(found, classes),
        _patches(found, classes),
        _control(found.control),
        note(
            f"Measured on {found.images} images; patterns up to an L2 norm of"
            f" {number(found.bound)} were searched, in pixels of 0 to 1."
        ),
    )


def _suspects(found: EvidenceFacts, classes: Sequence[str]) -> Markup | None:
    if not found.suspects:
        return None
    names = [element("li", class_name(classes, label)) for label in found.suspects]
    return joined([element("h3", "Classes with a way in"), element("ul", *names)])


def _pictures(report: Report) -> Markup | None:
    if not report.surrogates or report.evidence is None:
        return None
    return joined(
        [
            element("h3", "Recovered patterns"),
            note(
                "What was found to send images to a class of the model as it came: a stand-in for"
                " the trigger, seldom the trigger itself. Grey changes nothing; the contrast is"
                " stretched."
            ),
            element(
                "div", *(_picture(report, one) for one in report.surrogates), class_="pictures"
            ),
        ]
    )


def _picture(report: Report, one: Surrogate) -> Markup:
    named = class_name(report.model.classes, one.label)
    plain = report.model.classes[one.label] if one.label < len(report.model.classes) else "?"
    found = report.evidence
    shares = [] if found is None else [each for each in found.classes if each.label == one.label]
    told = [
        f"{percent(each.flips_before)} of images before, {percent(each.flips_after)} after"
        for each in shares
    ]
    suspect = found is not None and one.label in found.suspects
    return element(
        "figure",
        element(
            "img",
            src=data_uri(one),
            width=96,
            height=round(96 * one.height / one.width),
            alt=f"Recovered pattern towards class {plain[:80]}",
        ),
        element("figcaption", named, " (way in)" if suspect else None, element("small", *told)),
    )


def _by_class(found: EvidenceFacts, classes: Sequence[str]) -> Markup | None:
    if not found.classes:
        return None
    top = max(max(one.norm_before, one.norm_after) for one in found.classes)
    rows = sorted(found.classes, key=lambda one: (one.norm_before, one.label))
    return joined(
        [
            element("h3", "What it takes to reach each class"),
            note(
                "The smaller the change that sends half of the images to a class, the likelier a"
                " backdoor. An anomaly above 2 is far below the other classes. A ring is the model"
                " as it came, a dot the purified one."
            ),
            table(
                "Smallest change first (L2 norm, pixels of 0 to 1)",
                (
                    "Class",
                    "Before",
                    "After",
                    f"0 to {number(top)}",
                    "Anomaly before",
                    "Anomaly after",
                    "Pattern works before",
                    "Pattern works after",
                    "Searched anew works",
                ),
                [_row(classes, one, top) for one in rows[:MOST_ROWS]],
            ),
            shortened(MOST_ROWS, len(rows), "examined classes"),
            shortened(len(rows), found.known_classes, "classes were examined; these"),
        ]
    )


def _row(classes: Sequence[str], one: ClassEvidenceFacts, top: float) -> tuple[Child, ...]:
    return (
        class_name(classes, one.label),
        number(one.norm_before),
        number(one.norm_after),
        span(one.norm_before, one.norm_after, top),
        number(one.anomaly_before, 2),
        number(one.anomaly_after, 2),
        percent(one.flips_before),
        percent(one.flips_after),
        percent(one.new_flips),
    )


def _patches(found: EvidenceFacts, classes: Sequence[str]) -> Markup | None:
    rows = [
        (
            class_name(classes, one.label),
            percent(one.patch_before),
            percent(one.patch_after),
            percent(one.new_patch),
        )
        for one in sorted(found.classes, key=lambda one: (-(one.patch_before or 0), one.label))
        if one.patch_before is not None or one.new_patch is not None
    ]
    if not rows:
        return None
    return joined(
        [
            element("h3", "Small patches"),
            note(
                "A small square that covers what is under it, searched for the classes that squares"
                " come nearest to. One that sends nearly all images to a class is a backdoor's."
            ),
            table(
                "Images sent to the class",
                ("Class", "Patch works before", "Patch works after", "Searched anew works"),
                rows[:MOST_ROWS],
            ),
        ]
    )


def _control(control: ControlFacts | None) -> Markup | None:
    if control is None:
        return None
    return note(
        "For comparison, a pattern with random goals changed"
        f" {percent(control.flips_before)} of the answers before and"
        f" {percent(control.flips_after)} after; one searched anew changes"
        f" {percent(control.new_flips)}."
    )
