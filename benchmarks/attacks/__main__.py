"""Trains backdoored classifiers, prints what they measure, and records how they were made.

    python -m benchmarks.attacks --suite small
    python -m benchmarks.attacks --suite cifar-implanted --data ../shared/data
    python -m benchmarks.attacks --suite full --cifar cifar-10-python.tar.gz --device cuda

A model that lies in the output folder already is kept, unless --again is given.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from benchmarks.attacks.backdoored import Record, read_record
from benchmarks.attacks.making import Maker
from benchmarks.attacks.suites import SUITES, suite
from benchmarks.attacks.training import Machine


def main() -> None:
    """Make every model of a suite, in order."""
    options = _options()
    torch.set_num_threads(options.threads)
    source = options.cifar if options.suite == "full" else options.data
    maker = Maker(options.out, source, _machine(options.device))
    records = []
    print(f"{'name':42} {'ACC':>6} {'ASR':>6} {'seconds':>8}", flush=True)
    for plan in suite(options.suite):
        if options.only and not any(part in plan.name for part in options.only):
            continue
        kept = (options.out / plan.name / "attack.json").exists() and not options.again
        record = read_record(options.out / plan.name) if kept else maker.make(plan)
        records.append(record)
        _show(record)
        if options.manifest:
            options.manifest.write_text(manifest(options.suite, records))


def manifest(name: str, records: list[Record]) -> str:
    """JSON: what was made, enough to make it again and to recognise it."""
    models = [record.model_dump() for record in records]
    return (
        json.dumps({"suite": name, "torch": torch.__version__, "models": models}, indent=1) + "\n"
    )


def _show(record: Record) -> None:
    shares = f"{100 * record.accuracy:6.1f} {100 * record.attack_success:6.1f}"
    print(f"{record.name:42} {shares} {record.seconds:8.0f}", flush=True)


def _machine(device: str) -> Machine:
    cuda = device.startswith("cuda")
    capabilities = torch.cpu.get_capabilities()
    fast = cuda or capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return Machine(torch.device(device), torch.bfloat16 if fast else None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.attacks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--suite", choices=SUITES, default="small")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/work/models"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="shared images")
    parser.add_argument("--cifar", type=Path, help="a copy of CIFAR-10, in any usual form")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="+", metavar="PART", help="models with this in their name")
    parser.add_argument("--again", action="store_true", help="also what exists already")
    parser.add_argument("--manifest", type=Path, help="write a manifest of all models there")
    options = parser.parse_args()
    if options.suite == "full" and options.cifar is None:
        parser.error("--suite full needs --cifar: a folder or an archive with all of CIFAR-10")
    return options


if __name__ == "__main__":
    main()
