"""``python -m tests.service.inference.confined FILE [ATTACK]``: what the engine's confinement
leaves to torch and ONNX Runtime, as one JSON object; or to an attack, which runs no torch."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from pathlib import Path

from confinement import Files, Mode, confine_calls, confine_files
from service.inference.engine.__main__ import allowance_of
from service.inference.messages import NOTES

FILE = Path(sys.argv[1])
OPTIONS = Namespace(device="cpu", backends="", socket=0)


def main() -> None:
    allowance, notes = allowance_of(OPTIONS), FILE.parent / NOTES
    confine_files(Files(readable=[FILE.parent], writable=[notes]), allowance, Mode.REQUIRE)
    if len(sys.argv) > 2:
        confine_calls(allowance, Mode.REQUIRE, listened=False)
        ATTACKS[sys.argv[2]]()
        return

    import torch

    from polarizer.artefact import load_artefact
    from service.inference.engine.backends import EagerBackend
    from service.inference.engine.choosing import Choice, made, recall, remember
    from service.inference.engine.improving import Source, candidates

    confine_calls(allowance, Mode.REQUIRE, listened=False)
    device = torch.device("cpu")
    classifier = load_artefact(FILE).classifier
    source = Source(classifier)
    eager = EagerBackend(source.network(fused=False), device)
    makes = candidates(source, device)
    names = [name for name in makes if made(name, makes[name], eager, classifier.spec)]
    remember(notes / "x.json", "cpu", Choice("eager", 8))
    found = {
        "candidates": sorted(makes),
        "made": sorted(names),
        "remembered": recall(notes / "x.json", "cpu") is not None,
    }
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


def overwrite_the_model() -> None:
    FILE.write_bytes(b"undefended")


def start_a_process() -> None:
    os.fork()


def open_a_socket() -> None:
    import socket

    socket.socket(socket.AF_INET)


ATTACKS = {work.__name__: work for work in (overwrite_the_model, start_a_process, open_a_socket)}

if __name__ == "__main__":
    main()
