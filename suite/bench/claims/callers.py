"""Clients by hand, where what matters is who is served and how a connection ends, not how fast."""

import errno
import select
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ("PATIENCE", "Caller", "Crowd", "connected", "heard", "highest")

PATIENCE = 10.0
"""Seconds in which a server has said to everybody what it has to say."""


class Caller:
    """One connection, non-blocking. It says its number, eight bytes, and expects them back.

    Attributes:
        outcome: "" so far; "served", "wrong bytes", "FIN", "RST", "refused" (no connection at all).
        begun, up, at: monotonic times of dialling, of being connected (by the kernel, whoever has taken it up), and of the
            outcome; 0.0 until then.
    """

    def __init__(self, address: tuple[str, int], number: int) -> None:
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.outcome = ""
        self.begun = time.monotonic()
        self.up = self.at = 0.0
        self._message = number.to_bytes(8, "big")
        self._heard = b""
        self._said = False
        if self.sock.connect_ex(address) not in (0, errno.EINPROGRESS):
            self._done("refused")

    def say(self) -> None:
        """Say the number and expect it back."""
        self.outcome, self._heard, self._said = "", b"", True
        try:
            self.sock.send(self._message)
        except OSError:
            self._done("RST")

    def listen(self) -> None:
        """Take in what has come."""
        try:
            data = self.sock.recv(64)
        except BlockingIOError:
            return
        except OSError:
            self._done("RST")
            return
        self._heard += data
        if not data:
            self._done("FIN")
        elif self._said and self._heard == self._message:
            self._done("served")
        elif not self._said or not self._message.startswith(self._heard):
            self._done("wrong bytes")

    def look_up(self) -> None:
        """Note that the connection is made, or refused; called when it is one of the two."""
        if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._done("refused")
        else:
            self.up = time.monotonic()

    def _done(self, outcome: str) -> None:
        self.outcome = outcome
        self.at = time.monotonic()


class Crowd:
    """Callers; a context manager that closes them."""

    def __init__(self) -> None:
        self.callers: list[Caller] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:  # fmt: skip
        for caller in self.callers:
            caller.sock.close()

    def dial(self, address: tuple[str, int]) -> Caller:
        """Begin to connect one more."""
        caller = Caller(address, len(self.callers) + 1)
        self.callers.append(caller)
        return caller

    def call(self, address: tuple[str, int], count: int = 1) -> list[Caller]:
        """Connect so many more, one after the other."""
        added = []
        for _ in range(count):
            caller = self.dial(address)
            connected([caller])
            added.append(caller)
        return added


def connected(callers: Sequence[Caller], seconds: float = PATIENCE) -> bool:
    """Wait until all are connected or refused; return whether they were within so many seconds."""
    pending = {caller.sock.fileno(): caller for caller in callers if not caller.up and not caller.outcome}
    return _wait(pending, select.POLLOUT, Caller.look_up, lambda caller: bool(caller.up or caller.outcome), seconds)


def heard(callers: Sequence[Caller], seconds: float = PATIENCE) -> bool:
    """Wait until each has an outcome; return whether all had within so many seconds."""
    pending = {caller.sock.fileno(): caller for caller in callers if not caller.outcome}
    return _wait(pending, select.POLLIN, Caller.listen, lambda caller: bool(caller.outcome), seconds)


def _wait(pending: dict[int, Caller], event: int, turn: Callable[[Caller], None], done: Callable[[Caller], bool], seconds: float) -> bool:  # fmt: skip
    poll = select.poll()
    for fd in pending:
        poll.register(fd, event)
    deadline = time.monotonic() + seconds
    while pending:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        for fd, _ in poll.poll(left * 1000):
            turn(pending[fd])
            if done(pending[fd]):
                poll.unregister(fd)
                del pending[fd]
    return True


def highest(pid: int) -> int:
    """Return the highest number among the descriptors of a process; -1 once it has ended, a zombie included."""
    try:
        return max((int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir()), default=-1)
    except OSError:
        return -1
