"""Raw drivers as processes: the commands of a user, strace around them, clients that expect a certain end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from suite import registry
from suite.registry import Variant
from tests.wire import Address, connect, echoes

__all__ = (
    "CANARY",
    "LOOPED",
    "READINESS",
    "Running",
    "ending",
    "injecting",
    "is_echoed",
    "needs_strace",
    "own",
    "running",
    "unless_available",
)

CANARY = b"a canary, sixteen bytes or more\n"
READINESS = ("raw-nonblocking", "raw-select", "raw-poll", "raw-epoll", "raw-epoll-edge")
LOOPED = (*READINESS, "raw-uring")
"""Those that hold all clients in one loop of events."""
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed: errors of system calls cannot be injected"
)


def own(*names: str) -> list[object]:
    """Return rows of the registry as parameters; one that is unavailable is skipped with its reason."""
    rows = [registry.find(name) for name in names]
    return [pytest.param(row, id=row.name, marks=unless_available(row)) for row in rows]


def unless_available(row: Variant) -> list[pytest.MarkDecorator]:
    """Return what makes a test of an unavailable row skipped."""
    reason = row.unavailable()
    return [pytest.mark.skip(reason=f"{row.name} is unavailable: {reason}")] if reason else []


def injecting(call: str, error: str, when: str, log: Path | str = os.devnull) -> tuple[str, ...]:
    """Return the words that run a command under strace, which makes some of its system calls fail."""
    inject = f"inject={call}:error={error}:when={when}"
    return ("strace", "-D", "-f", "-qqq", "-o", str(log), "-e", f"trace={call}", "-e", inject)


def is_echoed(address: Address, payload: bytes = CANARY) -> bool:
    """Say whether a new client is echoed within a second."""
    with connect(address) as client:
        client.settimeout(1.0)
        try:
            return echoes(client, payload)
        except (ConnectionError, TimeoutError):
            return False


class Running:
    """A started server.

    Attributes:
        process: what was started.
        address: what its ready line names.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(b"listening 127.0.0.1:"), line + log.read_bytes()
        self.address: Address = ("127.0.0.1", int(line.split(b":")[1]))

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> list[str]:
        return self._log.read_text().splitlines()

    def children(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.pid).children()}

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(10)


@contextmanager
def running(
    name: str,
    *options: str,
    stdin: int | None = subprocess.DEVNULL,
    wrapper: tuple[str, ...] = (),
    close_stdin: bool = False,
    session: bool = False,
) -> Iterator[Running]:
    """Run `python -m raw_impl NAME --port 0 OPTIONS` in a group or session of its own, killed in the end."""
    command = [*wrapper, sys.executable, "-m", "raw_impl", name, "--port", "0", *options]
    if close_stdin:
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with (
            log.open("wb") as stderr,
            subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                process_group=None if session else 0,
                start_new_session=session,
            ) as process,
        ):
            try:
                yield Running(process, log)
            finally:
                if process.poll() is None:  # once it is reaped the number may be anybody's
                    os.killpg(process.pid, signal.SIGKILL)


def ending(client: socket.socket) -> str:
    """Wait for the end of a connection; say FIN or RST."""
    try:
        while client.recv(65536):
            pass
    except ConnectionResetError:
        return "RST"
    return "FIN"
