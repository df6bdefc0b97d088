"""Servers of the Twisted package as processes of their own: one process has one reactor, and it runs once."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "twisted_impl" / "dropin"
TWISTD = str(Path(sys.executable).with_name("twistd"))
PATIENCE = 20.0  # seconds that anything may take on a busy machine

Address = tuple[str, int]


def environment() -> dict[str, str]:
    """The checkout itself on sys.path, installed or not."""
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{PLUGINS}"}


class Running:
    """A started server: its process, its address, and what it has logged so far."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.address: Address = ("127.0.0.1", 0)
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def logged(self, pattern: str) -> re.Match[str]:
        """Wait until the log holds `pattern`."""
        wait_for(lambda: re.search(pattern, self.log) or self.process.poll() is not None, f"{pattern!r} in the log")
        found = re.search(pattern, self.log)
        assert found, self.log
        return found

    def kill(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.kill(number)
        return self.process.wait(PATIENCE)

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE} s"
        time.sleep(0.01)


@contextmanager
def started(command: Sequence[str], log: str = "log") -> Iterator[Running]:
    """Run a command in a folder of its own, its stderr in the file `log`; it is killed at the end if it still runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / log
        with (
            path.open("w") as stderr,
            subprocess.Popen(
                command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=stderr, text=True
            ) as process,
        ):
            try:
                yield Running(process, path)
            finally:
                process.kill()


@contextmanager
def serving(*arguments: str, module: str = "twisted_impl", under: Sequence[str] = ()) -> Iterator[Running]:
    """Run `python -m MODULE ARGUMENTS --port 0` until its ready line and yield it."""
    with started([*under, sys.executable, "-m", module, *arguments, "--port", "0"]) as server:
        assert server.process.stdout is not None
        line = server.process.stdout.readline()
        assert line.startswith("listening "), server.log
        host, _, port = line.split()[1].rpartition(":")
        server.address = (host, int(port))
        yield server


def connect(server: Running) -> socket.socket:
    return socket.create_connection(server.address, PATIENCE)


def echoes(client: socket.socket, text: bytes) -> bool:
    client.sendall(text)
    return client.recv(len(text), socket.MSG_WAITALL) == text


def read_to_end(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
