"""Six families by two exporters: are their ONNX files read, repaired and written back?

    python -m benchmarks.onnx            # networks for 32 pixels: two minutes
    python -m benchmarks.onnx --usual    # ResNet-50, MobileNetV2, …: for 224 pixels

Prints a table, adds it to ``benchmarks/results/onnx.json`` and writes ``docs/benchmarks/onnx.md``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.defense.machine import about_machine
from benchmarks.onnx.exporting import EXPORTERS
from benchmarks.onnx.families import FAMILIES, image_size
from benchmarks.onnx.measuring import measure
from benchmarks.onnx.page import page, table

RESULTS = Path("benchmarks/results/onnx.json")
PAGE = Path("docs/benchmarks/onnx.md")
_PACKAGES = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime")


def main() -> None:
    """Measures, prints, writes."""
    options = _options()
    rows = []
    for family in options.families:
        for exporter in EXPORTERS:
            row = asdict(measure(family, exporter, usual=options.usual))
            print(table([row]).splitlines()[-1], flush=True)
            rows.append(row)
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    found["machine"] = about_machine("cpu", torch.get_num_threads())
    found["versions"] = {package: version(package) for package in _PACKAGES}
    found[f"{image_size(usual=options.usual)} pixels"] = rows
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(page(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.onnx")
    parser.add_argument("--usual", action="store_true", help="networks of the usual size")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    return parser.parse_args()


if __name__ == "__main__":
    main()
