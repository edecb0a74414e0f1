"""Engines that do what an engine must not; needs no torch. Each ends when told to cancel, but for
the one that lets go."""

from __future__ import annotations

import mmap
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel

from service.inference import frames
from service.inference.arena import Arena
from service.inference.client import Spawn
from service.inference.connection import MOST_LINES
from service.inference.messages import (
    TO_ENGINE,
    Answer,
    Cancel,
    Dropped,
    Infer,
    Predict,
    Question,
    Said,
    Step,
    StepName,
    Traced,
)
from service.settings import Settings
from tests.service.inference.listening import messages


def spawning(how: str) -> Spawn:
    """In place of ``service.inference.process.spawn``."""

    def spawn(
        settings: Settings, device: str, arena: Arena
    ) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = (theirs.fileno(), arena.descriptor)
            command = [sys.executable, "-m", __name__, *map(str, descriptors), str(arena.nbytes)]
            return subprocess.Popen([*command, how], pass_fds=descriptors), ours

    return spawn


@dataclass(frozen=True)
class End:
    """The engine's end of the socket, and its memory."""

    connection: socket.socket
    memory: mmap.mmap

    def send(self, message: BaseModel) -> None:
        self.connection.sendall(frames.encode(message))

    def answer(self, question: Question, value: float) -> None:
        count = question.rows * question.classes
        end = question.answer + 4 * count
        self.memory[question.answer : end] = struct.pack(f"<{count}f", *[value] * count)
        self.send(Answer(id=question.id, queued=0.0))


def main() -> None:
    descriptors, nbytes, how = list(map(int, sys.argv[1:3])), int(sys.argv[3]), sys.argv[4]
    end = End(socket.socket(fileno=descriptors[0]), mmap.mmap(descriptors[1], nbytes))
    for text in messages(end.connection):
        question = TO_ENGINE.validate_json(text)
        if isinstance(question, Predict | Infer):
            _HOW[how](end, question)
        if isinstance(question, Cancel):
            if how != "let go":
                sys.exit("told to cancel")
            end.send(Dropped(id=question.id))


def _die(end: End, question: Question) -> None:
    sys.exit(3)


def _keep_silent(end: End, question: Question) -> None:
    pass


def _talk_nonsense(end: End, question: Question) -> None:
    end.connection.sendall(b"\x00\x00\x00\x02[]")


def _send_too_much(end: End, question: Question) -> None:
    end.connection.sendall(b"\xff" * 12)


def _drop_unasked(end: End, question: Question) -> None:
    end.send(Dropped(id=question.id))


def _answer_no_number(end: End, question: Question) -> None:
    end.answer(question, float("nan"))


def _talk_much(end: End, question: Question) -> None:
    for _ in range(2 * MOST_LINES):
        end.send(Said(level="error", source="x", message="a line\nand \x1b[31m more"))
    end.answer(question, 1.0)


def _tell_unasked(end: End, question: Question) -> None:
    end.send(Traced(id=question.id, steps=(Step(name=StepName.WAIT, began=1, ended=2),)))
    end.send(Traced(id=question.id + 1000, steps=()))
    end.answer(question, 1.0)


def _behave(end: End, question: Question) -> None:
    end.answer(question, 1.0)


_HOW: dict[str, Callable[[End, Question], None]] = {
    "die": _die,
    "keep silent": _keep_silent,
    "let go": _keep_silent,
    "talk nonsense": _talk_nonsense,
    "send too much": _send_too_much,
    "drop unasked": _drop_unasked,
    "answer no number": _answer_no_number,
    "behave": _behave,
    "talk much": _talk_much,
    "tell unasked": _tell_unasked,
}

if __name__ == "__main__":
    main()
