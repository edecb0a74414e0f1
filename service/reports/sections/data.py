"""The images that were sent, what is odd about them, and the alarm that was calibrated on them."""

from __future__ import annotations

from service.defenses.cleanset import CleanSetFacts, FindingFacts
from service.defenses.report import ImageFacts, Report
from service.reports.markup import Child, Markup, element, joined, name
from service.reports.sections.numbers import class_name
from service.reports.sections.tables import facts, note, section, table
from service.reports.wording import count, number, percent, plural

_MARKS = {"serious": "✕ serious", "warning": "! warning", "note": "· note"}


def data(report: Report) -> Markup:
    """Files, the clean set's check, findings."""
    return section(
        "data",
        "The images",
        _files(report),
        _clean_set(report.clean_set),
        _findings(report),
    )


def alarm(report: Report) -> Markup:
    """The alarm of the served model."""
    found = report.alarm
    if found is None:
        text = "None was calibrated: no clean image was held out."
        return section("alarm", "The alarm", note(text))
    return section(
        "alarm",
        "The alarm",
        element(
            "p",
            "When this model is served, an image is flagged where the model as it came and"
            " the purified one disagree so confidently that a trigger is likely.",
        ),
        facts(
            [
                ("Threshold", number(found.threshold, 4)),
                ("Calibrated on", plural(found.images, "held-out clean image")),
                ("Of these flagged", count(found.flagged)),
                ("Clean images flagged, at most", percent(found.rate)),
            ]
        ),
    )


def warnings(report: Report) -> Markup | None:
    """What a user should know, beside what was found in the clean images."""
    told = {finding.code for finding in report.clean_set.findings} if report.clean_set else set()
    left = [one for one in report.warnings if one.code not in told]
    if not left:
        return None
    items = [element("li", name(one.message), " ", element("code", one.code)) for one in left]
    return section("warnings", "Warnings", element("ul", *items))


def _files(report: Report) -> Markup | None:
    if not report.images:
        return None
    rows = [_file(role, images) for role, images in report.images.items()]
    head = ("Set", "Format", "Images", "Classes", "Resized", "Unreadable", "Ignored")
    return table("What was read", head, rows, text_columns=2)


def _file(role: str, images: ImageFacts) -> tuple[Child, ...]:
    return (
        role,
        name(images.source_format),
        count(images.images),
        count(len(images.per_class)),
        count(images.resized),
        count(images.damaged),
        count(images.ignored),
    )


def _clean_set(found: CleanSetFacts | None) -> Markup | None:
    if found is None:
        return None
    shift = "not measured" if found.shift is None else number(found.shift)
    return joined(
        [
            element("h3", "The clean images, as the model sees them"),
            facts(
                [
                    ("Given their label", percent(found.agreement)),
                    ("Mean confidence", percent(found.confidence)),
                    ("Wrong labels, estimated", percent(found.wrong_labels)),
                    ("Near duplicates", percent(found.near_duplicates)),
                    ("Distance from the training data", f"{shift} (from 1 on: suspicious)"),
                ]
            ),
        ]
    )


def _findings(report: Report) -> Markup | None:
    if report.clean_set is None:
        return None
    findings = report.clean_set.findings
    if not findings:
        return note("Nothing odd was found in the clean images.")
    return table(
        "What is odd about the clean images",
        ("Finding", "Severity", "Class", "Images"),
        [_finding(report.model.classes, one) for one in findings],
        text_columns=3,
    )


def _finding(classes: tuple[str, ...], one: FindingFacts) -> tuple[Child, ...]:
    label = "–" if one.label is None else class_name(classes, one.label)
    return name(one.message), _MARKS[one.severity], label, count(one.count)
