"""What to do when accept(2) fails: one table for every driver, after HAProxy's three verdicts.

RETRY   the failure belonged to one connection that is gone; take the next one at once
SHED    descriptors ran out: turn the queue away with the reserved descriptor, then pause
PAUSE   the kernel is short of something; stop accepting for a while, doubling from 100 ms to 1 s

An errno that is in no row pauses too: an accept loop never spins and never dies of an errno (accept(2), ERRORS).
"""

import errno
import os
import socket
import time
from enum import Enum, auto

__all__ = ("Backoff", "Decision", "Reserve", "decide")


class Decision(Enum):
    """What an acceptor does next."""

    RETRY = auto()
    SHED = auto()
    PAUSE = auto()


_RETRY = frozenset(
    {
        # accept(2): "network errors already pending on the new socket" are reported by accept and mean: try again.
        errno.ECONNABORTED, errno.ECONNRESET, errno.EPROTO, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN,
        errno.ENONET, errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EINTR,
        errno.EPERM,  # a firewall rule forbade this one connection
    },
)  # fmt: skip
_SHED = frozenset({errno.EMFILE, errno.ENFILE})


def decide(error: OSError) -> Decision:
    """Say what to do after accept failed with `error` (EAGAIN is not an error: the queue is empty)."""
    if error.errno in _RETRY:
        return Decision.RETRY
    return Decision.SHED if error.errno in _SHED else Decision.PAUSE


class Backoff:
    """How long to stop accepting: 100 ms, doubling to 1 s while failures follow each other, reset by a success."""

    __slots__ = ("_delay", "until")

    FIRST = 0.1
    LAST = 1.0

    def __init__(self) -> None:
        self._delay = self.FIRST
        self.until = 0.0
        """Monotonic time before which nothing is accepted; 0.0 when accepting."""

    def pause(self) -> float:
        """Start a pause; return its length in seconds."""
        delay = self._delay
        self._delay = min(self.LAST, delay * 2)
        self.until = time.monotonic() + delay
        return delay

    def success(self) -> None:
        """Note a successful accept."""
        if self.until:
            self._delay = self.FIRST
            self.until = 0.0


class Reserve:
    """One descriptor kept back so that a full process can still tell waiting clients that it is full."""

    __slots__ = ("_fd",)

    def __init__(self) -> None:
        self._fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def shed(self, listener: socket.socket, most: int = 64) -> list[object]:
        """Accept and close up to `most` queued connections; return the peers turned away."""
        self.close()
        peers: list[object] = []
        try:
            while len(peers) < most:
                sock, peer = listener.accept()
                sock.close()
                peers.append(peer)
        except OSError:
            pass  # the queue is empty, or another thread took the descriptor: the pause that follows covers both
        try:
            self._fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._fd = -1
        return peers

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
