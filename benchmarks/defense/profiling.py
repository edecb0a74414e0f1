"""Where the time of our method goes, and how it grows: ``python -m benchmarks.defense --profile``.

Each case purifies a network with random weights on random images for a few steps: the time does
not depend on their values. One property changes at a time, the others stay at those of CIFAR-10.
What is done once (the search of stand-ins, the check at the end) is measured whole, the steps are
counted as often as a repair takes them by default.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

import torch

from benchmarks.defense.machine import about_machine
from benchmarks.defense.memory import peak_memory
from benchmarks.defense.table import as_text, number
from polarizer.architectures import build
from polarizer.classifier import Classifier
from polarizer.config import PurifyConfig
from polarizer.description import InputSpec, PreActResNet18
from polarizer.images import LabelledImages
from polarizer.progress import Prepared, Progress, Started, StepDone
from polarizer.purification import purify

PHASES = {
    "search": ["polarizer.deep.passes._search"],
    "doors": ["polarizer.deep.passes.patch_doors", "polarizer.purification._strength"],
    "tolerance": ["polarizer.deep.passes.tolerated"],
    "checks": ["polarizer.optimisation._check"],
    "outer forward": ["polarizer.optimisation._forward"],
    "inner problem": [
        "polarizer.optimisation.perturb",
        "polarizer.deep.stand_ins.StandIns.apply",
        "polarizer.deep.stand_ins.StandIns.learn",
    ],
    "aiming": ["polarizer.deep.aiming.Aim.draw", "polarizer.deep.aiming.Aim.note"],
    "lessons": ["polarizer.deep.teaching.Teacher.lesson", "polarizer.deep.passes.cut_and_pasted"],
    "augmentation": ["polarizer.deep.augmentation.Augmentation.__call__"],
    "images to pixels": ["polarizer.images.LabelledImages.pixels"],
    "outer loss": ["polarizer.optimisation.outer_loss"],
    "backward": ["torch.autograd.backward"],
    "optimiser": [  # torch gives each class a step of its own when it is first made
        "torch.optim.SGD.step",
        "polarizer.descent.NormalisedDescent.step",
        "polarizer.descent.RelativeDescent.step",
    ],
}
"""The functions that make up each phase, where they are looked up when called."""

ONCE = ("search", "doors", "tolerance", "checks")
"""Phases beside the steps; their time includes that of all phases within them."""


COLUMNS = (
    *("changed", "images", "classes", "size", "width", "parameters"),
    *("once, s", "a step, s", "a repair, s", "MB"),
)


@dataclass(frozen=True)
class Case:
    """A purification's size."""

    what: str
    images: int = 2500
    classes: int = 10
    resolution: int = 32
    width: int = 32


CASES = (
    Case("reference"),
    *(Case("images", images=count) for count in (100, 500)),
    *(Case("classes", classes=count) for count in (2, 100)),
    *(Case("resolution", resolution=size) for size in (16, 64)),
    *(Case("width", width=width) for width in (16, 64)),
)


@dataclass
class Phases:
    """Seconds of each phase, without those of phases within it (:data:`ONCE` excepted)."""

    now: Callable[[], float] = field(default_factory=lambda: _now)
    seconds: dict[str, float] = field(default_factory=dict)
    _stack: list[str] = field(default_factory=list)
    _since: float = 0.0

    def timed(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, whose time is added to ``phase``."""

        def measured(*given: object, **named: object) -> object:
            if self._stack and self._stack[-1] in ONCE:
                return function(*given, **named)
            self._switch()
            self._stack.append(phase)
            try:
                return function(*given, **named)
            finally:
                self._switch()
                self._stack.pop()

        return measured

    def _switch(self) -> None:
        now = self.now()
        if self._stack:
            phase = self._stack[-1]
            self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._since
        self._since = now


@dataclass(frozen=True)
class Measured:
    """One case: seconds before and after the steps, of one step, and of a repair of ``of_steps``;
    parts of that time by phase; peak memory. ``steps`` were measured."""

    case: Case
    parameters: int
    steps: int
    of_steps: int
    seconds_once: float
    seconds_per_step: float
    seconds: float
    shares: dict[str, float]
    megabytes: float | None


def measure(
    case: Case,
    config: PurifyConfig,
    device: torch.device,
    of_steps: int,
    now: Callable[[], float] | None = None,
) -> Measured:
    """Purify once for ``config.steps`` steps; the time of a repair is that of ``of_steps``.

    ``now`` is the clock, in seconds; by default that on the wall.
    """
    now = now or _now
    classifier, clean = random_problem(case)
    told: list[float] = []
    with phases(now) as spent, peak_memory(device) as peak:
        began = now()
        result = purify(
            classifier, clean, config, device=device, on_progress=partial(_note, told, now)
        )
        total = now() - began
    in_steps = told[-1] - told[0]
    once, each = total - in_steps, in_steps / result.steps
    seconds = once + of_steps * each
    times = {phase: 1 if phase in ONCE else of_steps / result.steps for phase in spent.seconds}
    shares = {phase: times[phase] * own / seconds for phase, own in spent.seconds.items()}
    shares["rest"] = 1 - sum(shares.values())
    parameters = sum(weight.numel() for weight in classifier.parameters())
    sizes = parameters, result.steps, of_steps
    return Measured(case, *sizes, once, each, seconds, shares, peak.megabytes)


def _note(told: list[float], now: Callable[[], float], event: Progress) -> None:
    """The moments at which the preparation ended, if there was any, and each of the steps."""
    if isinstance(event, Started | Prepared):
        told[:] = [now()]
    elif isinstance(event, StepDone):
        told.append(now())


@contextmanager
def phases(now: Callable[[], float]) -> Iterator[Phases]:
    """Within the block every function of :data:`PHASES` that exists is timed by ``now``."""
    spent = Phases(now)
    with ExitStack() as patches:
        for phase, names in PHASES.items():
            for name in names:
                function = _look_up(name)
                if function is not None:
                    patches.enter_context(patch(name, spent.timed(phase, function)))
        yield spent


def random_problem(case: Case) -> tuple[Classifier, LabelledImages]:
    """A PreAct-ResNet18 and images of the case's size, with random values."""
    generator = torch.Generator().manual_seed(0)
    size = case.resolution
    network = build(PreActResNet18(width=case.width, num_classes=case.classes))
    spec = InputSpec(height=size, width=size, mean=(0.5,) * 3, std=(0.25,) * 3)
    pixels = torch.randint(
        256, (case.images, 3, size, size), generator=generator, dtype=torch.uint8
    )
    return Classifier(network, spec), LabelledImages(
        pixels, torch.arange(case.images) % case.classes
    )


def as_lines(measured: list[Measured]) -> str:
    """A table for the terminal."""
    names = list(dict.fromkeys(name for one in measured for name in one.shares))
    lines = [(*COLUMNS, *names)]
    for one in measured:
        case = one.case
        sizes = (case.images, case.classes, case.resolution, case.width, one.parameters)
        shares = (f"{100 * one.shares.get(name, 0):.0f} %" for name in names)
        lines.append(
            (
                case.what,
                *(f"{size:,}" for size in sizes),
                number(one.seconds_once),
                number(one.seconds_per_step),
                number(one.seconds),
                number(one.megabytes),
                *shares,
            )
        )
    return as_text(lines)


def main(arguments: Sequence[str]) -> None:
    """Measure every case, print the table and write it as JSON."""
    options = _options(arguments)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    config = PurifyConfig(
        **{"method": options.method, "steps": options.steps, "warmup_steps": 0} | dict(options.set)
    )
    device = torch.device(options.device)
    warm = replace(CASES[0], images=256)
    of_steps = PurifyConfig(method=options.method).steps
    measure(warm, config.model_copy(update={"steps": 2}), device, of_steps)
    now = time.process_time if options.processor_time else _now
    measured = []
    for case in CASES:
        if options.only and case.what not in options.only:
            continue
        measured.append(measure(case, config, device, of_steps, now))
        print(as_lines(measured[-1:]), flush=True)
        write(measured, options)
    print(f"\n{as_lines(measured)}\nwrote {options.out}; the page: benchmarks.defense.page")


def write(measured: list[Measured], options: argparse.Namespace) -> None:
    """What was measured so far, as JSON, for ``benchmarks.defense.page``."""
    about = about_machine(options.device, options.threads) | {
        "method": options.method,
        "settings": dict(options.set),
        "conditions": options.conditions,
        "clock": "processor" if options.processor_time else "wall",
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    content = {"about": about, "cases": [asdict(one) for one in measured]}
    options.out.write_text(json.dumps(content, indent=1) + "\n")


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _look_up(name: str) -> Callable[..., Any] | None:
    """The function called ``name``, or nothing where it does not exist (any more)."""
    try:
        return resolve_name(name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError):
        return None


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    return name, json.loads(value)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.defense --profile", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--method", default=PurifyConfig().method.value)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--set", nargs="+", type=_setting, default=[], metavar="NAME=JSON")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="reference, images, width …")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument(
        "--processor-time", action="store_true", help="of this process alone: for busy machines"
    )
    parser.add_argument("--conditions", default="", help="what else the machine did, in words")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/profile.json"))
    return parser.parse_args(arguments)
