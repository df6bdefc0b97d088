"""A server's processes: what can be seen of them, and done to them."""

import signal
import time

from suite.census import Census, count, tree_of
from suite.conformance.injecting import Injection, signal_all, threads
from suite.errors import TargetError
from suite.process import Server

__all__ = ("Processes",)

STILL = 1.0
"""Seconds in which all of a server's processes stand still; another user's do not, kill(2)."""
LOOK = 0.001


class Processes:
    """A server's processes (`watching.Watch`).

    Args:
        server: one that was launched; only such a one is ever stopped or troubled.
        pid: the process of another one, if it may be looked at.
    """

    def __init__(self, server: Server | None, pid: int | None) -> None:
        self._server = server
        self._pid = pid
        self._frozen = False
        self._injection: Injection | None = None

    def census(self) -> Census:
        """Count what they hold now."""
        return self._server.census() if self._server is not None else count(tree_of(self._pid or 0))

    def terminate(self) -> None:
        """Send SIGTERM to the process that serves."""
        if self._server is not None:
            self._server.signal(signal.SIGTERM)

    def status(self) -> int | None:
        """Return how that process has ended, None while it lives."""
        return self._server.poll() if self._server is not None else None

    def restart(self) -> str:
        """Start the command again on the same port; return why that failed, or nothing."""
        assert self._server is not None
        try:
            self._server.restart(same_port=True)
        except TargetError as error:
            return str(error)
        return ""

    def freeze(self) -> bool:
        """Stop them all; return whether they stand still."""
        if self._server is None:
            return False
        self._frozen = True
        deadline = time.monotonic() + STILL
        while time.monotonic() < deadline:
            pids = self._server.tree()  # again, for one may just have started another
            states = [state for pid in pids for state, _ in threads(pid)]
            if all(state in "tT" for state in states):
                return bool(states)
            signal_all(pids, signal.SIGSTOP)
            time.sleep(LOOK)
        return False

    def thaw(self) -> None:
        """Let them go on."""
        if self._frozen and self._server is not None:
            self._frozen = False
            signal_all(self._server.tree(), signal.SIGCONT)

    def begin_faults(self, spec: str) -> None:
        """Begin to have their system calls fail."""
        self.heal()
        if self._server is not None:
            self._injection = Injection(self._server.tree(), spec)

    def faulty(self) -> bool:
        """Whether that has begun."""
        return self._injection is None or self._injection.attached()

    def heal(self) -> int:
        """End it; return how many calls have failed so."""
        injection, self._injection = self._injection, None
        return injection.end(self._server.tree()) if injection and self._server else 0
