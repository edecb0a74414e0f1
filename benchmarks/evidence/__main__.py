"""How often the verdict of trigger-free evidence is wrong, on clean and on backdoored models.

    python -m benchmarks.evidence                  # every model in benchmarks/work
    python -m benchmarks.evidence --only held-out --most 6
    python -m benchmarks.evidence --digits 42      # small CNNs, made for this

Repairs each model with the default settings, examines it, and compares the verdict with the
attack's success, which the examination never sees. JSON and the page are written after every model;
models that the JSON holds already are passed over.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from benchmarks.attacks.backdoored import read as read_model
from benchmarks.defense.machine import about_machine
from benchmarks.evidence.making import make
from benchmarks.evidence.measuring import measured
from benchmarks.evidence.page import error_rates, write_page
from benchmarks.evidence.rows import Row, read, write

MADE = (Path("benchmarks/work/held-out"), Path("benchmarks/work/models"))
RESULTS = Path("benchmarks/results/evidence.json")
PAGE = Path("docs/benchmarks/evidence.md")


def main() -> None:
    """Repairs, examines, prints and writes."""
    options = _options()
    torch.set_num_threads(options.threads)
    rows = read(options.out)
    benches = (read_model(folder, options.data) for folder in find(options))
    known = {row.name for row in rows}
    new = (bench for bench in benches if bench.name not in known)
    for bench in islice(new, options.most):
        row = measured(bench, options.images)
        rows.append(row)
        write(options.out, about_machine("cpu", options.threads), rows)
        write_page(options.out, options.page)
        print(shown(row), flush=True)
    print("\n".join(error_rates(rows)))


def find(options: argparse.Namespace) -> Iterator[Path]:
    """The folders named, or digits to be made, or those of the models that were made."""
    if options.digits:
        yield from make(options.work, options.data, options.digits)
        return
    made = sorted(path.parent for parent in MADE for path in parent.glob("*/attack.json"))
    fitting = [path for path in made if any(part in path.name for part in options.only or [""])]
    if not fitting and not options.models:
        raise SystemExit(
            "no model in benchmarks/work fits; make some: "
            "python -m benchmarks.attacks --suite held-out"
        )
    yield from options.models or fitting


def shown(row: Row) -> str:
    """One line for a finished model."""
    before, after = row.attack_success
    return f"{row.name:42} ASR {before:.2f} → {after:.2f} {row.judged}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.evidence", description=(__doc__ or "").partition("\n")[0]
    )
    add = parser.add_argument
    add("--models", type=Path, nargs="+", default=[], help="folders of models, instead")
    add("--only", nargs="+", default=[], metavar="PART", help="models with this in the name")
    add("--most", type=int, metavar="N", help="so many models that are new, then stop")
    add("--digits", type=int, default=0, metavar="N", help="train so many small CNNs, instead")
    add("--images", type=int, default=300, help="clean images to repair with")
    add("--threads", type=int, default=1)
    add("--data", type=Path, default=Path("../shared/data"), help="shared images")
    add("--work", type=Path, default=Path("benchmarks/work/evidence"), help="for --digits")
    add("--out", type=Path, default=RESULTS)
    add("--page", type=Path, default=PAGE)
    return parser.parse_args()


if __name__ == "__main__":
    main()
