"""Engines that do what an engine must not; needs no torch. Each ends when told to cancel."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable

from service.inference import frames
from service.inference.client import Spawn
from service.inference.messages import TO_ENGINE, Answer, Cancel, Predict
from service.settings import Settings


def spawning(how: str) -> Spawn:
    """In place of ``service.inference.process.spawn``."""

    def spawn(settings: Settings) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno()), how]
            return subprocess.Popen(command, pass_fds=(theirs.fileno(),)), ours

    return spawn


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    with connection.makefile("rb") as stream:
        while (frame := frames.read(stream)) is not None:
            question = TO_ENGINE.validate_json(frame[0])
            if isinstance(question, Predict):
                _HOW[sys.argv[2]](connection, question)
            if isinstance(question, Cancel):
                sys.exit("told to cancel")


def _answer(connection: socket.socket, question: Predict, *rankings: tuple[int, float]) -> None:
    answer = Answer(id=question.id, rankings=tuple((ranked,) for ranked in rankings))
    connection.sendall(b"".join(frames.encode(answer)))


def _die(connection: socket.socket, question: Predict) -> None:
    sys.exit(3)


def _keep_silent(connection: socket.socket, question: Predict) -> None:
    pass


def _talk_nonsense(connection: socket.socket, question: Predict) -> None:
    connection.sendall(b"\x00\x00\x00\x02" + bytes(8) + b"[]")


def _send_too_much(connection: socket.socket, question: Predict) -> None:
    connection.sendall(b"\xff" * 12)


def _name_no_class(connection: socket.socket, question: Predict) -> None:
    _answer(connection, question, (10_000, 0.5))


def _answer_too_little(connection: socket.socket, question: Predict) -> None:
    _answer(connection, question)


def _behave(connection: socket.socket, question: Predict) -> None:
    _answer(connection, question, *[(0, 1.0) for _ in question.sizes])


_HOW: dict[str, Callable[[socket.socket, Predict], None]] = {
    "die": _die,
    "keep silent": _keep_silent,
    "talk nonsense": _talk_nonsense,
    "send too much": _send_too_much,
    "name no class": _name_no_class,
    "answer too little": _answer_too_little,
    "behave": _behave,
}

if __name__ == "__main__":
    main()
