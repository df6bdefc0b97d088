"""Child processes: forked with signals in order, reaped as they end, none left over."""

import os
import select
import signal
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from suite import log
from suite.launch import StopSignal

__all__ = ("Children",)


class Children:
    """The children of this process; a context manager that wakes the StopSignal's descriptor when one of them ends.

    The stop signals are the parent's to obey: Ctrl-C goes to the whole foreground group, and a child ignores it, for it
    has a session to finish. A second signal to the parent kills the children: give `end` to the StopSignal.

    Attributes:
        pids: the living, and the dead not yet reaped.
    """

    def __init__(self) -> None:
        self.pids: set[int] = set()

    def __enter__(self) -> Self:
        # A handler, though it does nothing: only a signal that has one in Python makes the wake-up descriptor readable.
        self._before = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        signal.signal(signal.SIGCHLD, self._before)

    def spawn(self, work: Callable[[], None], stop: StopSignal) -> None:
        """Fork a child that calls `work` and exits.

        Raises:
            OSError: fork(2) failed: EAGAIN (RLIMIT_NPROC, the pids cgroup) or ENOMEM.
        """
        # Until the child ignores them: the handlers it inherits would stop the parent's driver in its stead.
        signal.pthread_sigmask(signal.SIG_BLOCK, StopSignal.SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                self._run(work, stop)
            self.pids.add(pid)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, StopSignal.SIGNALS)

    def _run(self, work: Callable[[], None], stop: StopSignal) -> None:
        status = 1
        try:
            for number in StopSignal.SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            stop.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, StopSignal.SIGNALS)
            work()
            status = 0
        except BaseException as error:
            log.trouble("child", "a child process failed", error=error)
        finally:
            os._exit(status)  # not sys.exit: the parent's code up the stack must not run twice

    def reap(self) -> list[int]:
        """Collect the children that have ended; return their pids.

        One SIGCHLD may stand for many ends: signal(7), standard signals do not queue.
        """
        ended: list[int] = []
        while self.pids:
            pid, _status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            self.pids.discard(pid)
            ended.append(pid)
        return ended

    def wait(self, stop: StopSignal, end: float) -> None:
        """Wait until all have ended, or until the monotonic time `end`."""
        poll = select.poll()
        poll.register(stop.fileno(), select.POLLIN)
        while self.pids and (left := end - time.monotonic()) > 0:
            poll.poll(left * 1000)
            stop.clear()
            self.reap()

    def end(self) -> None:
        """Kill the children that are left, and reap them: the first process of a container may not."""
        for pid in list(self.pids):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass  # called by a signal handler just when `reap` has collected it
        self.pids.clear()
