"""What this does not prove, how long it took, and what it belongs to."""

from __future__ import annotations

import json

from service.defenses.report import Report
from service.reports.markup import Child, Markup, element, name
from service.reports.sections.tables import facts, section, table
from service.reports.wording import seconds, size

ALWAYS = (
    "A search that finds no backdoor does not prove that there is none, and one that finds a"
    " backdoor closed has not tried every trigger.",
    "The numbers are those of the images that were sent; other images may give others.",
)


def limits(report: Report) -> Markup:
    """What nobody should read into it."""
    items = [element("li", name(remark)) for remark in (*report.remarks, *ALWAYS)]
    return section("limits", "What this does not prove", element("ul", *items))


def timings(report: Report) -> Markup:
    """Where the time went."""
    rows: dict[str, str] = {stage: seconds(took) for stage, took in report.timings.items()}
    rows.setdefault("purifying", seconds(report.purify_seconds))
    if report.evidence is not None:
        rows["search without a trigger (a part of evaluating)"] = seconds(report.evidence.seconds)
    return section(
        "timings",
        "Time",
        table("Stages", ("Stage", "Took"), list(rows.items())),
        element("p", "On ", name(report.device), "."),
    )


def provenance(report: Report) -> Markup:
    """Digests, versions, configuration: enough to do it again."""
    files: list[tuple[Child, ...]] = [
        (role, name(given.filename or "–"), size(given.size), element("code", given.sha256))
        for role, given in report.inputs.items()
    ]
    made = report.artefact
    files.append(("purified model", "–", size(made.size), element("code", made.sha256)))
    return section(
        "provenance",
        "Where it comes from",
        facts(
            [
                ("Defense", element("code", name(report.defense_id))),
                ("Attempt", str(report.attempt)),
                ("Seed", str(report.config.seed)),
                *((key, name(version)) for key, version in report.versions.items()),
            ]
        ),
        table("Files and their sha256", ("File", "Name", "Size", "sha256"), files, text_columns=4),
        element("h3", "Configuration"),
        element("pre", json.dumps(report.config.model_dump(mode="json"), indent=1), tabindex=0),
    )
