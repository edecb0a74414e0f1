"""How soon each web page is seen in headless Chromium on loopback, and how many bytes it takes.

python -m benchmarks.pages
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.pages.measure import measured
from benchmarks.pages.page import written
from benchmarks.pages.programs import chromium
from benchmarks.pages.serving import serving
from tests.service.pages.chromium import browser

PAGE = Path("docs/benchmarks/pages.md")
RESULTS = Path("benchmarks/results/pages.json")


def main() -> None:
    """Measure, print the table, write JSON and the page."""
    options = _options()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (profile := Path(folder) / "browser").mkdir()
        with serving(Path(folder) / "data") as places, browser(chromium(), profile) as tab:
            version = tab.ask("Browser.getVersion")["product"]
            rows = [measured(tab, name, url, options.runs) for name, url in places.items()]
    results = {"about": _about(version, options), "rows": [row.as_json() for row in rows]}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    options.page.write_text(written(results))
    print(written(results))


def _about(browser_version: str, options: argparse.Namespace) -> dict[str, object]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "niceness": os.nice(0),
        "load": [round(one, 1) for one in os.getloadavg()],
        "browser": browser_version,
        "python": platform.python_version(),
        "runs": options.runs,
        "conditions": options.conditions,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.pages", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--runs", type=int, default=9, help="times that each page is opened")
    parser.add_argument("--conditions", default="", help="what else ran, in a sentence")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    return parser.parse_args()


if __name__ == "__main__":
    main()
