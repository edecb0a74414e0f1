"""From the files of the cache to a model that computes on the device."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import torch
from pydantic import BaseModel

from polarizer.alarm.file import load_alarm
from polarizer.artefact import load_artefact
from service.inference.engine.backends import EagerBackend
from service.inference.engine.choosing import Make
from service.inference.engine.improving import Improvement, Source, candidates
from service.inference.engine.served import ServedModel
from service.inference.messages import NOTES, Loaded, Network

Load = Callable[[Network], ServedModel]


class DamagedFileError(Exception):
    """The file is not there, or its bytes are not those of its digest."""


def loader(
    device: torch.device, send: Callable[[BaseModel], None], backends: Collection[str] = ()
) -> Load:
    """A function that loads a network; it raises DamagedFileError and PolarizerError.

    What it returns can compute at once. A faster one of ``backends`` (none named: of all) takes
    over when it is found.
    """

    def load(network: Network) -> ServedModel:
        began = time.monotonic()
        source = read(network)
        served = ServedModel(
            EagerBackend(source.network(fused=False), device),
            calibration=source.calibration,
            fall_back=lambda: EagerBackend(read(network).network(fused=False), device),
        )
        say = partial(_say, send, network)
        say(served, began, again=False)
        if set(backends) != {"eager"}:

            def others() -> dict[str, Make]:
                return candidates(read(network), device, backends)

            spec, file = source.purified.spec, _choice_file(network)
            Improvement(spec, served, device, others, file, say).start()
        return served

    return load


def _say(
    send: Callable[[BaseModel], None],
    network: Network,
    served: ServedModel,
    began: float,
    *,
    again: bool = True,
) -> None:
    seconds = round(time.monotonic() - began, 3)
    name, nbytes = served.backend.name, served.nbytes
    send(Loaded(model=network.model, seconds=seconds, nbytes=nbytes, backend=name, again=again))


def _choice_file(network: Network) -> Path:
    """Near the artefact, of this network and no other."""
    return Path(network.file).parent / NOTES / f"{network.key}.backend.json"


def read(network: Network) -> Source:
    """The classifier, and its base model where the alarm is on. Raises DamagedFileError and
    PolarizerError."""
    file = Path(network.file)
    check_digest(network.model, file)
    loaded = load_artefact(file)
    if network.alarm is None or network.alarm_file is None:
        return Source(loaded.classifier)
    alarm_file = Path(network.alarm_file)
    check_digest(network.alarm, alarm_file)
    return Source(loaded.classifier, *load_alarm(alarm_file, loaded))


def check_digest(sha256: str, file: Path) -> None:
    """Raises DamagedFileError unless the file's bytes have this digest."""
    try:
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise DamagedFileError(f"the cached artefact cannot be read: {error.strerror}") from error
    if digest != sha256:
        raise DamagedFileError("the cached artefact is damaged")


def choose_device(name: str) -> torch.device:
    """The device of that name; the graphics card when there is one and no name is given."""
    if name:
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
