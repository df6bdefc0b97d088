"""Standard input beside the sockets: a typed line stops the server, the end of input only stops the watching."""

import os
import stat
import sys

__all__ = ("Console",)


class Console:
    """Standard input, where it is a pipe or a terminal; /dev/null, files and sockets are nobody typing.

    A terminal is watched only while this process is in its foreground group: for any other, what is typed is meant for
    somebody else, and reading it would stop the process with SIGTTIN (credentials(7)).

    Attributes:
        fd: the descriptor, or -1.
    """

    __slots__ = ("_terminal", "_watching", "fd")

    RECHECK = 1.0
    """Seconds between looks at whether the terminal has become ours: no signal tells a running job so."""

    def __init__(self) -> None:
        self.fd = -1
        self._terminal = False
        if sys.__stdin__ is not None:  # None: closed when the process started; the number may be anybody's by now
            try:
                fd = sys.__stdin__.fileno()
                self._terminal = os.isatty(fd)
                if self._terminal or stat.S_ISFIFO(os.fstat(fd).st_mode):
                    self.fd = fd
            except (OSError, ValueError):
                pass  # closed since
        self._watching = self.fd >= 0

    def join(self, reading: set[int], timeout: float | None) -> float | None:
        """Put the descriptor into the set if it is to be watched now, else take it out; return the wait's new bound."""
        if self._is_ours():
            reading.add(self.fd)
            return timeout
        reading.discard(self.fd)
        if not self._watching:
            return timeout
        return self.RECHECK if timeout is None else min(timeout, self.RECHECK)

    def line_typed(self) -> bool:
        """Read what is there; say whether a line ended in it."""
        if not self._is_ours():
            return False
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # EIO: the terminal has hung up
            data = b""
        self._watching = data != b""
        return b"\n" in data

    def _is_ours(self) -> bool:
        if not self._terminal or not self._watching:
            return self._watching
        try:
            return os.tcgetpgrp(self.fd) == os.getpgrp()
        except OSError:  # ENOTTY: not our controlling terminal
            return False
