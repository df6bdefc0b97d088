"""Accepting, for every raw driver: in bounded batches, by the table of suite/accepting.py, never spinning."""

import socket
import time
from collections.abc import Iterator

from suite import log
from suite.accepting import Backoff, Decision, Reserve, decide

__all__ = ("Acceptor", "turn_away")


class Acceptor:
    """A listener and what is to be done when accept(2) fails.

    Attributes:
        listener: bound, listening, non-blocking.
        empty: the last `take` ended because nobody was waiting.
        closed: `close` was called.
    """

    __slots__ = ("_backoff", "_reserve", "_verbose", "closed", "empty", "listener")

    BATCH = 64
    """Connections accepted before those already held get their turn: a flood of new ones starves nobody."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.empty = False
        self.closed = False
        self._backoff = Backoff()
        self._reserve = Reserve()
        self._verbose = log.verbose()

    def take(self, most: int = BATCH) -> Iterator[tuple[socket.socket, object]]:
        """Yield up to `most` waiting connections (blocking sockets) and their addresses, accepted one at a time."""
        self.empty = False
        for _ in range(most):
            if self.resume_at:
                return
            try:
                sock, address = self.listener.accept()
            except BlockingIOError:
                self.empty = True
                return
            except OSError as error:
                self._recover(error)
            else:
                self._backoff.success()
                if self._verbose:
                    log.connected(address)
                yield sock, address

    @property
    def resume_at(self) -> float:
        """Monotonic time at which the present pause ends; 0.0 when accepting. Nobody waits for the listener till then."""
        until = self._backoff.until
        return until if until and time.monotonic() < until else 0.0

    def _recover(self, error: OSError) -> None:
        decision = decide(error)
        if decision is Decision.RETRY:
            return
        delay = self._backoff.pause()
        log.trouble("accept", f"accept failed, pausing for {delay:.1f} s", error=error)
        if decision is Decision.SHED:
            for address in self._reserve.shed(self.listener):
                log.refused(address, "out of descriptors")

    def close(self) -> None:
        """Close the listener and the reserve; new clients are refused from here on."""
        self.closed = True
        self.listener.close()
        self._reserve.close()


def turn_away(sock: socket.socket, address: object, why: str) -> None:
    """Refuse an accepted connection politely: FIN, not RST, unless its client goes on sending."""
    log.refused(address, why)
    with sock:
        sock.setblocking(False)
        try:
            sock.shutdown(socket.SHUT_WR)
            for _ in range(64):  # unread input would turn the close into a reset: RFC 1122 section 4.2.2.13
                if not sock.recv(65536):
                    break
        except OSError:
            pass  # nothing left to read, or the client has reset the connection itself
