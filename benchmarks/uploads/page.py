"""Makes docs/benchmarks/uploads.md from the committed results.

python -m benchmarks.uploads.page
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.uploads.measuring import Row

PAGE = Path("docs/benchmarks/uploads.md")
RESULTS = Path("benchmarks/results/uploads.json")
INTRODUCTION = """\
# Uploads

`python -m benchmarks.uploads` starts the service's web process, sends it a file of random bytes in
one piece and in parts (as the client does it: one part after the other, each with its digest), and
puts the same file into the same store by the store's own `put`, without a service, all in turn.

- **own put**: of the folder, a copy that is then forced to the disk; of S3, boto3's `upload_file`
  with parts of 16 MiB, ten at a time.
- **rate ÷ own put**: medians over the rounds; to reach: 0.7. An upload is sent over a socket,
  hashed, and kept as safely as a `put` is. In parts it is sent and stored one part after the other,
  and a folder's file is read once more at the end for its digest.
- **memory**: how much larger the web process was at its peak than before, the largest of all
  rounds; to reach: 20 MiB.
- **processor**: seconds of the web process, the median.
"""


def main() -> None:
    """Write the page."""
    results = json.loads(RESULTS.read_text())
    PAGE.write_text(written(results))
    print(f"wrote {PAGE}")


def written(results: dict[str, Any]) -> str:
    """The whole page."""
    rows = [Row(**row) for row in results["rows"]]
    return "\n".join([INTRODUCTION, conditions(results["about"]), "", *table(rows), ""])


def conditions(about: dict[str, Any]) -> str:
    """Where and when."""
    machine = about["machine"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {about['date']}. {about['mib']} MiB,"
        f" {about['rounds']} rounds. S3: OpenStack Swift, one Python process on the same machine."
        f" Load average {about['load_before']:.1f} before, {about['load_after']:.1f} after."
        f" {about['conditions']}"
    ).rstrip()


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    lines = [
        "| store | way | MiB/s | ÷ own put | memory, MiB | processor, s |",
        "|---|---|---|---|---|---|",
    ]
    for store in dict.fromkeys(row.store for row in rows):
        own = _rate([row for row in rows if (row.store, row.way) == (store, "own put")])
        for way in dict.fromkeys(row.way for row in rows):
            mine = [row for row in rows if (row.store, row.way) == (store, way)]
            grown = [row.peak_mib for row in mine if row.peak_mib is not None]
            memory = f"{max(grown):.1f}" if grown else ""
            share = f"{_rate(mine) / own:.2f}" if grown else ""
            worked = [row.processor_seconds for row in mine if row.processor_seconds is not None]
            processor = f"{statistics.median(worked):.1f}" if worked else ""
            facts = f"{_rate(mine):.0f} | {share} | {memory} | {processor}"
            lines.append(f"| {store} | {way} | {facts} |")
    return lines


def _rate(rows: Sequence[Row]) -> float:
    return statistics.median(row.mib_per_second for row in rows)


if __name__ == "__main__":
    main()
