"""``python -m benchmarks.trace``: runs the demo's job with traces on and draws its trace.

Writes the spans as JSON and their picture; ``--draw`` only draws what the JSON has.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from unittest.mock import patch

import httpx

from benchmarks.trace.picture import Step, draw
from demo import digits
from demo.__main__ import defend
from demo.embedded import running_service
from tests.servers.collector import collector

ROOT = Path(__file__).parents[2]
SPANS = ROOT / "benchmarks/results/trace.json"
PICTURE = ROOT / "docs/architecture/13-one-job.svg"
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trace", description=__doc__)
    parser.add_argument("--out", type=Path, default=SPANS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--draw", action="store_true", help="draw what --out holds")
    given = parser.parse_args()
    if not given.draw:
        steps = recorded()
        given.out.write_text(json.dumps([asdict(step) for step in steps], indent=1) + "\n")
    draw([Step(**step) for step in json.loads(given.out.read_text())], given.picture)


def recorded() -> list[Step]:
    """The steps of one job, in milliseconds since its request."""
    with tempfile.TemporaryDirectory(prefix="polarizer-trace-") as folder, collector() as found:
        files = Path(folder) / "files"
        data = digits.load(SEED)
        digits.write_files(files, data, digits.train_backdoored(data, SEED))
        variables = {"POLARIZER_TRACES_ENDPOINT": found.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with (
            patch.dict(os.environ, variables),
            running_service(Path(folder) / "data") as url,
            httpx.Client(base_url=url, timeout=600) as client,
        ):
            defend(client, files)
            (attempt,) = found.wait_for("defense attempt")
        spans = [span for span in found.spans if span.trace_id == attempt.trace_id]
    begin = min(span.began for span in spans)
    return [
        Step(
            id=span.span_id,
            parent=span.parent_id,
            service=span.service,
            name=span.name,
            began=round((span.began - begin) / 1e6, 3),
            ended=round((span.ended - begin) / 1e6, 3),
        )
        for span in spans
    ]


if __name__ == "__main__":
    main()
