"""raw-prefork: worker processes, forked before any client comes, accept from the one listener and serve in turn.

Each worker is raw-iterative; the master only keeps up their number. They are told to stop by a pipe of which the master
alone holds the writing end: its end of file reaches all of them at once, and also when the master was killed.
"""

import os
import select
import time
from collections import deque
from functools import partial
from socket import socket

from raw_impl._blocking import milliseconds
from raw_impl._children import Children
from raw_impl.iterative import serve_in_turn
from suite import log
from suite.launch import Limits, StopSignal
from suite.session import NewSession

__all__ = ("serve",)

AT_ONCE = 5
"""Dead workers replaced at once; beyond them one a second, lest a worker that dies at its start becomes a fork bomb."""


def serve(new_session: NewSession, listener: socket, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT, drain, close the listener and return (`suite.launch.Serve`)."""
    with Children() as children, StopSignal(on_second=children.end) as stop:
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        work = partial(_work, new_session, listener, limits, reading, writing)
        for _ in range(limits.workers):
            _start(children, work, stop)
        allowed = deque([0.0] * AT_ONCE)  # monotonic times from which the next replacements may be started
        poll = select.poll()
        poll.register(stop.fileno(), select.POLLIN)
        while not stop.requested:
            lacking = limits.workers > len(children.pids)
            poll.poll(milliseconds(allowed[0]) if lacking else None)
            stop.clear()
            for pid in children.reap():
                log.trouble("worker", f"worker {pid} has died and is replaced")
            while limits.workers > len(children.pids) and (now := time.monotonic()) >= allowed[0]:
                allowed.popleft()
                allowed.append(max(now, *allowed) + 1.0)
                _start(children, work, stop)
        listener.close()
        os.close(writing)
        os.close(reading)
        # The workers keep the grace themselves; the half second is theirs to be gone in.
        children.wait(stop, time.monotonic() + limits.drain_grace + 0.5)


def _start(children: Children, work: partial[None], stop: StopSignal) -> None:
    try:
        children.spawn(work, stop)
    except OSError as error:  # EAGAIN: RLIMIT_NPROC or the pids cgroup; ENOMEM
        log.trouble("fork", "cannot start a worker", error=error)


def _work(new_session: NewSession, listener: socket, limits: Limits, reading: int, writing: int) -> None:
    os.close(writing)  # an end of file comes only when the last copy is closed
    serve_in_turn(new_session, listener, limits, _Hangup(reading))


class _Hangup:
    """The end of file of the master's pipe, as a worker's stop signal."""

    def __init__(self, reading: int) -> None:
        self.requested = False
        self._reading = reading

    def fileno(self) -> int:
        return self._reading

    def clear(self) -> None:
        try:
            self.requested = os.read(self._reading, 1) == b""
        except BlockingIOError:
            pass  # the master holds on
