"""One life of a command: the `_reaper` that holds its tree, and the thread that takes in what both tell."""

import errno
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import psutil

from suite.census import tree_of
from suite.errors import HarnessError

__all__ = ("Child",)

_KEEP = 65536  # bytes of output kept for error messages
_PATIENCE = 2.0  # seconds for the output to end once the tree has; only a process that fled it can hold it open


class Child:
    """One life of a command: its reaper, and a thread that takes in what both tell.

    Attributes:
        pid: of the command once started, else 0.
        error: the errno if it could not be started, else 0.
        exits: statuses by pid of it and of the orphans it left, as they end.
        gone: nothing of the tree lives any more.
        ended: the reaper has ended too, and nothing more will be told.
        tail: the last of the output.
    """

    def __init__(self, words: Sequence[str], nofile: int | None, env: Mapping[str, str]) -> None:
        self.pid = self.error = 0
        self.exits: dict[int, int] = {}
        self.gone = self.ended = False
        self.tail = b""
        reaper = [sys.executable, "-I", "-S", str(Path(__file__).with_name("_reaper.py")), str(nofile or 0)]
        pipes: list[int] = []
        try:
            for _ in range(3):
                pipes += os.pipe()
            control, self._control, events, events_in, output, output_in = pipes
            # In a session of its own: Ctrl-C at the terminal is ours to act on.
            self._reaper = subprocess.Popen(
                [*reaper, *words], stdin=control, stdout=events_in, stderr=output_in, env=env, start_new_session=True
            )
            self._root = psutil.Process(self._reaper.pid)
        except BaseException as error:
            for fd in pipes:
                os.close(fd)  # a reaper that runs already ends with its pipe
            if isinstance(error, OSError):
                short = error.errno in (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
                remedy = "look at `ulimit -n` and `ulimit -u`" if short else f"{sys.executable} must be executable"
                raise HarnessError(f"cannot start a process: {error.strerror}; {remedy}") from None
            raise
        for fd in (control, events_in, output_in):
            os.close(fd)
        self._thread = threading.Thread(target=self._drain, args=(events, output), daemon=True)
        self._thread.start()

    def processes(self) -> list[psutil.Process]:
        """Return the live processes of the tree, oldest first; none only if there are none."""
        found: list[psutil.Process] = []
        # A look at /proc is no snapshot: a process that forks and ends meanwhile hides its child from it.
        while not found and not self.gone:
            found = [process for process in self._descendants() if _lives(process)]
        return sorted(found, key=lambda process: (process.create_time(), process.pid))

    def tree(self) -> list[int]:
        """Return the pids of the tree, zombies included."""
        return tree_of(self._reaper.pid)[1:]

    def _descendants(self) -> list[psutil.Process]:
        try:
            return self._root.children(recursive=True)
        except psutil.NoSuchProcess:
            return []  # the reaper is about to be told gone

    def root_of(self, process: psutil.Process) -> int | None:
        """Return the reaper's child that `process` descends from, whose exit will be told; None if it has ended."""
        try:
            line = [process, *process.parents()]
        except psutil.NoSuchProcess:
            return None
        return next((below.pid for below, above in pairwise(line) if above.pid == self._reaper.pid), None)

    def end(self) -> None:
        """Kill what lives of the tree; return once it is gone and its last output is in. Idempotent."""
        if self._control >= 0:
            control, self._control = self._control, -1
            try:
                os.write(control, b"end")  # closing is not enough: a forked child of ours may hold the pipe too
            except BrokenPipeError:
                pass  # it could not start the command and has ended
            os.close(control)
        self._reaper.wait()
        self._thread.join(_PATIENCE)

    def _drain(self, events: int, output: int) -> None:
        poller = select.poll()
        poller.register(events, select.POLLIN)
        poller.register(output, select.POLLIN)
        told, left = b"", 2
        while left:
            for fd, _ in poller.poll():
                data = os.read(fd, _KEEP)
                if not data:
                    poller.unregister(fd)
                    os.close(fd)
                    left -= 1
                    if fd == events:
                        self.gone = self.ended = True
                elif fd == output:
                    self.tail = (self.tail + data)[-_KEEP:]
                else:
                    *lines, told = (told + data).split(b"\n")
                    for line in lines:
                        self._note(*line.decode().split())

    def _note(self, word: str, number: str = "0", status: str = "0") -> None:
        if word == "pid":
            self.pid = int(number)
        elif word == "error":
            self.error = int(number)
        elif word == "exit":
            self.exits[int(number)] = int(status)
        else:
            self.gone = True


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
