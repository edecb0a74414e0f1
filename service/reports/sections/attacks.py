"""What an attacker won back in the tests that were asked for."""

from __future__ import annotations

from service.defenses.report import Report
from service.defenses.winback import ReactivationFacts, RetuningFacts
from service.reports.markup import Child, Markup
from service.reports.sections.tables import note, section, table
from service.reports.wording import percent, plural, seconds


def attacks(report: Report) -> Markup | None:
    """One row for each model and test."""
    if not report.attack_tests:
        return None
    rows = [row for test in report.attack_tests for row in _rows(test)]
    return section(
        "attacks",
        "Attack tests",
        note(
            "Each attack was tried on the purified model and, for comparison, on the model as it"
            " came. Won back is what the trigger adds beyond a control that knows no trigger."
        ),
        table(
            "What an attacker wins back",
            ("Test", "Model", "Attack success", "under attack", "control", "won back"),
            rows,
            text_columns=2,
        ),
        *(note(_told(test)) for test in report.attack_tests),
    )


def _rows(test: ReactivationFacts | RetuningFacts) -> list[tuple[Child, ...]]:
    return [
        (
            test.test,
            model,
            percent(shares.asr_before),
            percent(shares.asr_after),
            percent(
                shares.new_trigger
                if hasattr(shares, "new_trigger")
                else max(shares.without_trigger, shares.control)
            ),
            percent(shares.won_back),
        )
        for model, shares in (("purified", test.purified), ("as it came", test.base))
    ]


def _told(test: ReactivationFacts | RetuningFacts) -> str:
    on = f"measured on {plural(test.measured_on, 'image')}, {seconds(test.seconds)}"
    if isinstance(test, RetuningFacts):
        return (
            f"{test.test}: {plural(test.epochs, 'epoch')} of fine-tuning with"
            f" {plural(test.poisoned, 'poisoned image')}; {on}."
        )
    effort = plural(test.queries, "image shown", "images shown")
    if test.gradient_steps:
        effort = plural(test.gradient_steps, "gradient step")
    return f"{test.test}: {effort}, at most {percent(test.bound)} of a pixel's range; {on}."
