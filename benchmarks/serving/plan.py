"""What is measured of one model: every server in turn, again and again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.serving import measure, models, ours, requests
from benchmarks.serving.cases import DEFENDED, Case
from benchmarks.serving.environments import RIVALS
from benchmarks.serving.measure import Loader, Row
from benchmarks.serving.models import Served
from benchmarks.serving.processes import Server, resident_mb
from benchmarks.serving.rivals.launching import PATHS, launch
from benchmarks.serving.rivals.network import load
from benchmarks.serving.table import OURS


@dataclass(frozen=True)
class Contender:
    """A server, and how it is asked for one row and for many."""

    name: str
    server: Server
    one: Path
    many: Path

    def begin(self) -> None:
        self.server.go_on()

    def end(self) -> None:
        """Stops it from taking time, unless that breaks the connections between its processes."""
        if self.name != "bentoml":
            self.server.pause()


@dataclass(frozen=True)
class Settings:
    """How it is measured; ``server_cores`` and ``load_cores`` as taskset takes them."""

    folder: Path
    loader: Loader
    rounds: int
    threads: int
    server_cores: str


@dataclass(frozen=True)
class Choice:
    """The backend that our engine chose for a model, and its best batch."""

    backend: str
    rows: int


def measured(
    case: Case, settings: Settings, web_mb: list[float], problems: dict[str, str]
) -> Iterator[Row]:
    """Every row of a model. The memory of the web process is added to ``web_mb``; a rival that does
    not start to ``problems``."""
    folder = settings.folder / case.name.split(",")[0].replace(" ", "-")
    served = models.make(case, folder / "models")
    ids = ours.store(folder / "data", served)
    with ExitStack() as stack:
        mine = ours.serve(folder / "data", settings.threads, settings.server_cores)
        stack.callback(mine.stop)
        for number, model in enumerate(served, 1):
            ours.load(mine, ids[model.variant])
            ours.wait_for_choices(folder / "data", number)
        contenders = [_asked(OURS, mine, case, ids[DEFENDED], folder)]
        choice = chosen(folder / "data", served[1])
        print(f"{case.name}: {choice.backend}, batches of {choice.rows}", flush=True)
        for rival in RIVALS:
            try:
                server = _rival(rival, served[1], choice, settings, folder)
            except (RuntimeError, OSError) as error:
                problems[f"{rival}, {case.name}"] = str(error)[-500:]
                continue
            stack.callback(server.stop)
            contenders.append(_asked(rival, server, case, "", folder))
        for contender in contenders:
            contender.end()
        yield from _in_process(case, served[1], choice, settings)
        yield from _saturated(case, contenders, settings)
        mine.go_on()
        web_mb.append(resident_mb(mine.pid))
        yield from _variants(case, mine, ids, folder, settings)


def chosen(data_dir: Path, model: Served) -> Choice:
    """What the engine noted beside the model's file; eager torch where it noted nothing."""
    sha256 = models.digest(model.path)
    for path in (data_dir / "cache").rglob("*.backend.json"):
        if path.name.startswith(sha256) and "+" not in path.name:
            noted = json.loads(path.read_text())
            return Choice(noted["backend"], noted["most_rows"])
    return Choice("eager", 32)


def _rival(rival: str, model: Served, choice: Choice, settings: Settings, folder: Path) -> Server:
    return launch(
        rival,
        model.path,
        choice.backend,
        choice.rows,
        settings.threads,
        folder / f"{rival}.log",
        settings.server_cores,
    )


def _asked(name: str, server: Server, case: Case, model_id: str, folder: Path) -> Contender:
    def write(rows: int) -> Path:
        if name == OURS:
            body = requests.oip(case, model_id, rows)
        else:
            body = requests.raw(case, PATHS[name], rows)
        return requests.write(folder / "requests", f"{name}-{rows}", body)

    return Contender(name, server, write(1), write(case.rows))


def _in_process(case: Case, model: Served, choice: Choice, settings: Settings) -> Iterator[Row]:
    compute = load(model.path, choice.backend, settings.threads)
    pixels = requests.tensor(case, 8)
    batch = measure.best_batch(compute, pixels, settings.loader.seconds / 10)
    for _ in range(settings.rounds):
        yield measure.in_process(case.name, compute, pixels, batch, settings.loader.seconds / 2)


def _saturated(case: Case, contenders: list[Contender], settings: Settings) -> Iterator[Row]:
    """Closed loops with one row and with many, then open ones with one row at a rate that is half
    of what the slowest can do."""
    capacity: dict[str, list[float]] = {}
    for _ in range(settings.rounds):
        for each in contenders:
            each.begin()
            for request, rows in ((each.one, 1), (each.many, case.rows)):
                row = settings.loader.closed(case.name, each.name, each.server, request, rows)
                if rows == 1:
                    capacity.setdefault(each.name, []).append(row.rows_per_second)
                yield row
            each.end()
    able = {name: float(np.median(found)) for name, found in capacity.items()}
    rate = min((value for value in able.values() if value), default=0.0) / 2
    if not rate:
        return
    for _ in range(settings.rounds):
        for each in contenders:
            each.begin()
            yield settings.loader.open(case.name, each.name, each.server, each.one, 1, rate)
            each.end()
    mine = contenders[0]
    mine.begin()
    yield settings.loader.open(case.name, OURS, mine.server, mine.one, 1, able[OURS] / 2)


def _variants(
    case: Case, server: Server, ids: dict[str, str], folder: Path, settings: Settings
) -> Iterator[Row]:
    """The model as it came, purified, and with each alarm."""
    asked = {
        variant: requests.write(
            folder / "requests", f"variant-{number}", requests.oip(case, model_id, case.rows)
        )
        for number, (variant, model_id) in enumerate(ids.items())
    }
    for _ in range(settings.rounds + 1):
        for variant, request in asked.items():
            yield settings.loader.closed(case.name, variant, server, request, case.rows)
