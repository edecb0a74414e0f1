"""The other side of a confined process: hears of calls that it was refused or that name a file.

The kernel holds the thread that made the call until it is answered (linux/seccomp.h,
``SECCOMP_RET_USER_NOTIF``). A call that names a file goes on to Landlock, every other is refused.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from confinement.naming import Boundary
from confinement.numbers import known_architecture
from confinement.rules import verdict

_NOTIFICATION = struct.Struct("=QIIiIQ6Q")  # id, pid, flags, number, architecture, place, arguments
_RESPONSE = struct.Struct("=QqiI")  # id, value, error, flags
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_GO_ON = 1
_MOST_AT_ONCE = 253  # descriptors in one message (SCM_MAX_FD)


@dataclass(frozen=True)
class Refusal:
    """A call that was refused, here or (if it names a ``path``) by Landlock. ``arguments`` are as
    the process passed them: numbers and addresses."""

    call: str
    arguments: Sequence[int]
    hostile: bool
    path: str | None = None


def give_away(listener: int, connection: socket.socket) -> None:
    """Sends the descriptor and closes ours. Raises OSError."""
    try:
        socket.send_fds(connection, [b"listener"], [listener])
    finally:
        os.close(listener)


def take(connection: socket.socket) -> int | None:
    """The descriptor that was sent; None if there will be none. Nothing can be sent afterwards:
    descriptors that nobody takes count against all processes of a user, and would keep another
    one from giving its own away. Raises OSError."""
    _data, found, _flags, _address = socket.recv_fds(connection, 64, 1)
    connection.shutdown(socket.SHUT_RD)
    for more in [*found[1:], *_left(connection)]:
        os.close(more)
    return found[0] if found else None


def _left(connection: socket.socket) -> Iterator[int]:
    """Descriptors that were sent and not taken."""
    while True:
        data, found, _flags, _address = socket.recv_fds(
            connection, 4096, _MOST_AT_ONCE, socket.MSG_DONTWAIT
        )
        yield from found
        if not data:
            return


class Listener:
    """Owns the descriptor; readable when a call waits for its answer. Raises OSError."""

    def __init__(self, descriptor: int, boundary: Boundary, *, gpu: bool) -> None:
        self._descriptor = descriptor
        self._boundary = boundary
        self._gpu = gpu
        self._architecture = known_architecture()

    def fileno(self) -> int:
        return self._descriptor

    def answer(self) -> Refusal | None:
        """Answers one call; None when it was not refused, or waits no more. Raises OSError when
        the descriptor is none that reports."""
        asked = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self._descriptor, _RECEIVE, asked)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None
            raise
        report, _thread, _flags, number, _audit, _place, *arguments = _NOTIFICATION.unpack(asked)
        found = verdict(self._architecture, number, arguments, gpu=self._gpu)
        path = self._boundary.crossed(found.call, arguments) if found.passes else None
        self._send(report, _GO_ON if found.passes else 0, found.errno)
        if found.passes and path is None:
            return None
        return Refusal(found.call, arguments, found.hostile, path)

    def _send(self, report: int, flags: int, number: int) -> None:
        with suppress(FileNotFoundError):  # the thread is gone
            fcntl.ioctl(
                self._descriptor, _SEND, bytearray(_RESPONSE.pack(report, 0, -number, flags))
            )

    def close(self) -> None:
        os.close(self._descriptor)
