"""``python -m benchmarks.trace``: the demo's job, and a prediction of its model, with traces on.

Writes the spans as JSON and their pictures; ``--draw`` only draws what the JSON has.
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

from benchmarks.trace.picture import Step, draw, shown
from demo import digits
from demo.__main__ import defend, png
from demo.embedded import running_service
from tests.servers.collector import Collector, collector

ROOT = Path(__file__).parents[2]
SPANS = ROOT / "benchmarks/results/trace.json"
PICTURES = ROOT / "docs/architecture"
PROCESSES = {"job": "the job's process", "prediction": "the engine"}
WARM = 3
"""Predictions before the one that is drawn."""
SEED = 0
TRACE = "0af7651916cd43dd8448eb211c80319c"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trace", description=__doc__)
    parser.add_argument("--out", type=Path, default=SPANS)
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    parser.add_argument("--draw", action="store_true", help="draw what --out holds")
    given = parser.parse_args()
    if not given.draw:
        found = {name: list(map(asdict, steps)) for name, steps in recorded().items()}
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    for name, steps in json.loads(given.out.read_text()).items():
        path = given.pictures / f"13-one-{name}.svg"
        draw(shown([Step(**step) for step in steps]), path, inside=PROCESSES[name])


def recorded() -> dict[str, list[Step]]:
    """The steps of one job, and of one prediction, in milliseconds since the request."""
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
            model = defend(client, files)["model_id"]
            (attempt,) = found.wait_for("defense attempt")
            predict(client, model, png(data.test[0][0]))
            found.wait_for("POST /v1/models/{model_id}/predict")
        return {"job": _steps(found, attempt.trace_id), "prediction": _steps(found, TRACE)}


def predict(client: httpx.Client, model: str, image: bytes) -> None:
    """Until everything is in memory, and then once in a trace of its own."""
    for sampled in [*["00"] * WARM, "01"]:
        trace = f"00-{TRACE}-b7ad6b7169203331-{sampled}"
        headers = {"traceparent": trace, "content-type": "image/png"}
        answer = client.post(f"/v1/models/{model}/predict", content=image, headers=headers)
        answer.raise_for_status()


def _steps(found: Collector, trace_id: str) -> list[Step]:
    spans = [span for span in found.spans if span.trace_id == trace_id]
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
