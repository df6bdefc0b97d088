"""Errors injected into a running server's system calls by strace(1), as its `-e inject=` does: real calls, false answers.

strace answers a call itself, at its entry, so a connection that "accept" failed for stays in the queue.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

from suite.errors import HarnessError

__all__ = ("SPEC", "Injection", "signal_all", "threads", "unavailable")

SPEC = re.compile(r"[a-z0-9_?,]+:error=[A-Z0-9]+(:when=[0-9.+]+)?")
"""What strace(1) is told to inject: system calls, an error, and which of a thread's calls it befalls."""
ATTACH = 5.0
"""Seconds that strace may take to attach, and to detach."""
PAUSE = 0.003


class Injection:
    """strace at work on processes, from its start until `end`.

    Args:
        pids: the processes; their threads, and what they start later, are included.
        spec: calls and error, as `SPEC` says.

    Raises:
        HarnessError: strace cannot be started.
    """

    def __init__(self, pids: Iterable[int], spec: str) -> None:
        self._pids = list(pids)
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self._deadline = time.monotonic() + ATTACH
        words = ["strace", "-f", "-qq", "-e", "signal=none", "-e", f"trace={spec.partition(':')[0]}"]
        words += ["-e", f"inject={spec}", *(word for pid in self._pids for word in ("-p", f"{pid}"))]
        try:
            self._strace = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        except OSError as error:
            self._log.close()
            raise HarnessError(f"cannot start strace: {error.strerror}") from error

    def attached(self) -> bool:
        """Whether every thread is traced.

        Raises:
            HarnessError: strace gave up, or takes too long.
        """
        tracers = [tracer for pid in self._pids for _, tracer in threads(pid)]
        if tracers and all(tracer == self._strace.pid for tracer in tracers):
            return True
        if tracers and (self._strace.poll() is not None or time.monotonic() > self._deadline):
            raise HarnessError(f"strace cannot attach to the server: {self._said() or 'it says nothing'}")
        return not tracers  # the server has ended

    def end(self, pids: Iterable[int] = ()) -> int:
        """Detach; return how many calls were answered with the error.

        Args:
            pids: the processes as they are by now. They are stopped meanwhile: a call whose answer strace has taken
                upon itself, and then leaves to the kernel, fails with ENOSYS, which no kernel would answer here.
        """
        stopped = list(pids) if self._strace.poll() is None else []
        try:
            signal_all(stopped, signal.SIGSTOP)
            self._calm(stopped)
            self._strace.send_signal(signal.SIGTERM)
            self._strace.wait(ATTACH)
        except subprocess.TimeoutExpired:
            self._strace.kill()  # ptrace(2): what it traced goes on
            self._strace.wait()
        finally:
            signal_all(stopped, signal.SIGCONT)
        self._log.seek(0)
        count = self._log.read().count(b"(INJECTED)")
        self._log.close()
        return count

    def _calm(self, pids: list[int]) -> None:
        """Wait until every thread has stopped and strace knows: twice in a row, it waits and they stand still."""
        deadline, looks = time.monotonic() + ATTACH, 0
        while looks < 2 and self._strace.poll() is None and time.monotonic() < deadline:
            states = [state for pid in pids for state, _ in threads(pid)]
            calm = all(state in "tT" for state in states) and [state for state, _ in threads(self._strace.pid)] == ["S"]
            looks = looks + 1 if calm else 0
            time.sleep(PAUSE)

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip().rpartition("\n")[2].removeprefix("strace: ")


def signal_all(pids: Iterable[int], number: int) -> None:
    """Send a signal to processes; those that have ended, or are another user's, do not matter."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def threads(pid: int) -> list[tuple[str, int]]:
    """Return each live thread's state and who traces it, 0 for nobody; proc(5), State and TracerPid."""
    found = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                text = (thread / "status").read_text(encoding="ascii", errors="replace")
                state, tracer = (text.partition(name)[2].split(None, 1)[0] for name in ("State:", "TracerPid:"))
                if state not in "ZX":
                    found.append((state, int(tracer)))
    return found


@cache
def unavailable() -> str:
    """Say why nothing can be injected on this machine, or nothing; found out by trying, once."""
    if shutil.which("strace") is None:
        return "strace is not installed; on Debian: apt install strace"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as other:
        injection = Injection([other.pid], "accept4:error=ENFILE")
        try:
            while not injection.attached():
                time.sleep(0.01)
        except HarnessError as error:
            return f"{error}; run as root, or allow it (sysctl kernel.yama.ptrace_scope, seccomp)"
        finally:
            injection.end([other.pid])
            other.kill()
    return ""
