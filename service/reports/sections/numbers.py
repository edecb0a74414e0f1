"""Before and after: the numbers, class by class, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence

from service.defenses.details import ClassAccuracy, Confusion
from service.defenses.report import Report
from service.reports.charts import span
from service.reports.markup import Child, Markup, element, joined, name
from service.reports.sections.tables import MOST_ROWS, note, section, shortened, table
from service.reports.wording import count, percent, points

LONGEST_NAME = 60
_MEANINGS = (
    ("accuracy", "Accuracy", "clean images that are given their class: more is better"),
    (
        "attack_success",
        "Attack success",
        "triggered images of other classes that are given the attack's class: less is better",
    ),
    (
        "recovered_accuracy",
        "Recovered accuracy",
        "the same triggered images, given their true class after all: more is better",
    ),
)


def numbers(report: Report) -> Markup:
    """The table that everybody looks for."""
    return section(
        "numbers",
        "Before and after",
        table(
            "What was measured",
            ("Measure", "Before", "After", "Change", "0 to 100 %"),
            [_row(report, *meaning) for meaning in _MEANINGS],
        ),
        _where(report),
        _effectiveness(report.numbers.defense_effectiveness),
    )


def by_class(report: Report) -> Markup | None:
    """Accuracy of each class, those first that lost most."""
    if not report.by_class:
        return None
    rows = sorted(report.by_class, key=lambda one: (_after(one) - _before(one), one.label))
    return section(
        "classes",
        "Accuracy of each class",
        note("A ring is the model as it came, a dot the purified one; the line runs to 100 %."),
        table(
            "Accuracy by class, largest loss first",
            ("Class", "Images", "Before", "After", "Change", "0 to 100 %"),
            [_class_row(report.model.classes, one) for one in rows[:MOST_ROWS]],
        ),
        shortened(MOST_ROWS, len(rows), "classes"),
    )


def confusion(report: Report) -> Markup | None:
    """Both matrices, where the classes are few."""
    if report.confusion is None:
        return None
    return section(
        "confusion",
        "Which classes are taken for which",
        note(
            "Rows are true classes, columns what the model answered; counts of images. Stronger"
            " shades hold more of their row; the diagonal is framed."
        ),
        *_matrices(report.confusion, report.model.classes),
    )


def class_name(classes: Sequence[str], label: int) -> Markup:
    """The class's name, cut where it is long, or its index where there is no such class."""
    whole = classes[label] if label < len(classes) else str(label)
    return name(whole if len(whole) <= LONGEST_NAME else f"{whole[: LONGEST_NAME - 1]}…")


def _row(report: Report, field: str, title: str, meaning: str) -> tuple[Child, ...]:
    before = getattr(report.numbers, f"{field}_before")
    after = getattr(report.numbers, f"{field}_after")
    drawn = "" if before is None or after is None else span(before, after, 1.0)
    told = joined([title, element("small", meaning)])
    return told, percent(before), percent(after), points(before, after), drawn


def _where(report: Report) -> Markup:
    if report.measured_on == "held_out":
        return note("Measured on clean images that were held out of the training.")
    images = report.images.get("test")
    return note(
        f"Measured on {count(images.images)} test images." if images else "Measured on test images."
    )


def _effectiveness(share: float | None) -> Markup | None:
    if share is None:
        return None
    return note(
        f"Defense effectiveness {percent(share)}: 50 % is no gain, 100 % an attack"
        " that is gone at no cost in accuracy."
    )


def _class_row(classes: Sequence[str], one: ClassAccuracy) -> tuple[Child, ...]:
    before, after = _before(one), _after(one)
    return (
        class_name(classes, one.label),
        count(one.images),
        percent(before),
        percent(after),
        points(before, after),
        span(before, after, 1.0),
    )


def _before(one: ClassAccuracy) -> float:
    return one.right_before / one.images


def _after(one: ClassAccuracy) -> float:
    return one.right_after / one.images


def _matrices(found: Confusion, classes: Sequence[str]) -> list[Markup]:
    sides = (("The model as it came", found.before), ("The purified model", found.after))
    return [_matrix(caption, matrix, classes) for caption, matrix in sides]


def _matrix(caption: str, matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Markup:
    named = [class_name(classes, label) for label in range(len(matrix))]
    head = element(
        "tr",
        element("th", "true class", scope="col"),
        *(element("th", one, scope="col") for one in named),
    )
    body = [
        element(
            "tr",
            element("th", named[i], scope="row"),
            *(_cell(value, sum(row), diagonal=i == j) for j, value in enumerate(row)),
        )
        for i, row in enumerate(matrix)
    ]
    made = element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *body),
        class_="matrix",
    )
    return element("div", made, class_="frame", tabindex=0, role="region", aria_label=caption)


def _cell(value: int, of_row: int, *, diagonal: bool) -> Markup:
    shade = round(4 * value / of_row) if of_row else 0
    if value and not shade:
        shade = 1
    return element("td", count(value), class_=f"shade{shade}{' right' if diagonal else ''}")
