"""A server under test as a child process: start it, wait until it is ready, observe it through /proc, stop it.

Rules of this file
- Being ready is *seen*, in /proc/net/tcp and tcp6 or in the ready line, never probed: a connection is a stimulus.
- The server's tree is all descendants of its `_reaper` (see there), daemonised ones included.
- Its output is drained from the first to the last byte: a server that logs a lot must never block on us.
- Whatever happens between `start` and `stop`, an exception, Ctrl-C or our own death, nothing is left running.
"""

import errno
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import psutil

from suite import ports
from suite._child import Child
from suite.census import Census, count
from suite.errors import HarnessError, TargetError, UsageError
from suite.log import peername
from suite.registry import Variant

__all__ = ("Exit", "Server", "command_of", "last_words")

_LOOK = 0.005  # seconds between two looks
_SETTLE = 0.05  # seconds in which a server that listens on several addresses has opened them all
_LEFTOVER = 2.0  # seconds a tree may outlive its main process before its members are orphans (DESIGN section 6)
_READY = re.compile(rb"^listening (\S+):(\d+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a server ended.

    Attributes:
        status: of the serving process, as in `subprocess` (negative: the signal that killed it); None if unknown.
        killed: it did not end within the grace and was killed.
        orphans: pids of its tree that still lived 2 s after it had ended; they were killed.
        seconds: from SIGTERM to its end.
    """

    status: int | None
    killed: bool
    orphans: tuple[int, ...]
    seconds: float


def command_of(variant: Variant, service: str = "echo") -> list[str]:
    """Return the command that serves a variant, with `{host}` and `{port}` to be replaced.

    It needs the project installed (an editable install will do) and does not depend on the working directory: with
    -P a learner's `select.py` lying there does not stand in for the library's.
    """
    if variant.script is not None:
        return [
            sys.executable,
            "-P",
            str(variant.script),
            "{host}",
            "{port}",
            *([service] if service != "echo" else []),
        ]
    package = variant.target.partition(".")[0]
    return [
        sys.executable,
        "-P",
        "-m",
        package,
        variant.name,
        "--service",
        service,
        "--host",
        "{host}",
        "--port",
        "{port}",
    ]


class Server:
    """A running server under test; a context manager that stops it. Made by `Server.start`.

    Attributes:
        address: (host, port) that clients connect to.
        command: its words as given.
        pid: the process that serves: the one started, or the daemon it left behind. `poll` keeps it up to date.
    """

    address: tuple[str, int]
    pid: int

    def __init__(self, command: Sequence[str], host: str, port: int | None, nofile: int | None, timeout: float, env: Mapping[str, str] | None) -> None:  # fmt: skip
        self.command = tuple(command)
        self._host, self._port, self._nofile, self._timeout = host, port, nofile, timeout
        self._env = os.environ | (env or {})
        self._exit: Exit | None = None
        self._launch()

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        nofile: int | None = None,
        timeout: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Self:
        """Start `command` and return once it listens.

        Args:
            command: the words; `{host}` and `{port}` inside them are replaced, other braces stay.
            host: the address it is asked to listen on. A listener on another address of this machine counts too.
            port: the port it will listen on; by default a free one, which `{port}` hands to the command.
            nofile: its RLIMIT_NOFILE, soft and hard.
            timeout: seconds it has to listen.
            env: variables added to our own environment.

        Raises:
            UsageError: the command is empty, has no `{port}` though no port was given, or the host or limit is unusable.
            TargetError: the command is not found, ends, or does not listen in time.
            HarnessError: our own descriptors or ports ran out.
        """
        if not command:
            raise UsageError("no command given; write it after --, for example: -- ./server {host} {port}")
        if port is None and not any("{port}" in word for word in command):
            raise UsageError(f"{command[0]} is not told its port; put {{port}} where the command takes it")
        if any("\0" in word for word in command):
            raise UsageError(
                f"the command {command[0]!r} has a NUL in its words, which no program can be given; take it out"
            )
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if nofile is not None and (nofile < 1 or (hard != resource.RLIM_INFINITY and nofile > hard)):
            raise UsageError(f"a limit of {nofile} descriptors cannot be set; choose 1 to {hard}")
        return cls(command, host, port, nofile, timeout, env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.stop()
        else:
            self._child.end()  # an error is on its way: no grace

    def poll(self) -> int | None:
        """Return None while it serves, else the exit status; a main process that left a listening daemon serves.

        A daemon's parent exits with status 0, unasked. Others that leave a process with the listener have ended: what
        inetd(8) and its like start inherits it, and never accepts.
        """
        status = self._child.exits.get(self.pid)
        if status is None or status or self._told:
            return status
        for _ in range(2):  # a daemon that forks once more may hide from one look
            for listener, process in self._listeners():
                root = self._child.root_of(process)
                if listener.port == self.address[1] and root is not None:
                    self.pid = root
                    return None
        return status

    def output(self) -> str:
        """Return the last 64 KiB of its stdout and stderr, in the order written."""
        return self._child.tail.decode(errors="backslashreplace")

    def tree(self) -> tuple[int, ...]:
        """Return the live pids of it and all its descendants, oldest first; zombies do not live."""
        return tuple(process.pid for process in self._child.processes())

    def census(self) -> Census:
        """Count what its tree holds, zombies included."""
        return count(self._child.tree())

    def signal(self, number: int) -> None:
        """Send a signal to the process that serves, if it lives."""
        if self.poll() is None:
            self._told = True
            try:
                psutil.Process(self.pid).send_signal(number)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                pass  # it ended this very moment; or it is another user's (sudo), deaf to us

    def restart(self, *, same_port: bool = False) -> None:
        """Kill its tree and start the command afresh, on a new free port unless the port was given or is to stay.

        Raises:
            TargetError: as for `start`; or a process that it left behind still holds that port.
        """
        if same_port and self.poll() is not None:
            held = [process.pid for listener, process in self._listeners() if listener.port == self.address[1]]
            if held:
                raise TargetError(
                    f"Address already in use: process {held[0]}, which it left behind, holds the listener"
                )
        self._child.end()
        self._exit = None
        self._launch(self.address[1] if same_port else None)

    def stop(self, grace: float = 7.0) -> Exit:
        """Send SIGTERM, wait up to `grace` seconds, kill what is left of the tree and reap it; idempotent."""
        if self._exit is not None:
            return self._exit
        child = self._child
        try:
            began = time.monotonic()
            self.signal(signal.SIGTERM)
            killed = not _until(lambda: self.pid in child.exits, began + grace)
            seconds = time.monotonic() - began
            if not killed:
                _until(lambda: child.gone, time.monotonic() + _LEFTOVER)
            orphans = () if killed else self.tree()
        finally:
            child.end()
        self._exit = Exit(child.exits.get(self.pid), killed, orphans, seconds)
        return self._exit

    def _launch(self, port: int | None = None) -> None:
        self._told = False
        port = port or self._port or ports.free_port(self._host)
        words = [word.replace("{host}", self._host).replace("{port}", str(port)) for word in self.command]
        self._child = Child(words, self._nofile, self._env)
        try:
            self.pid = self._started(words[0])
            self.address = self._listening(words[0], port)
            self.poll()  # a daemon has taken the place of its parent by now, perhaps
        except BaseException:
            self._child.end()
            raise

    def _started(self, name: str) -> int:
        child = self._child
        _until(lambda: bool(child.pid or child.error or child.ended))
        if child.pid:
            return child.pid
        if not child.error:
            raise HarnessError(f"the process that starts servers failed{_said(child)}")
        cause = "command not found" if child.error == errno.ENOENT else os.strerror(child.error)
        remedy = {
            errno.ENOENT: "check its spelling, or give its path",
            errno.EACCES: "it is no executable file; chmod +x it, or name its interpreter",
            errno.ENOEXEC: "name its interpreter, or give it a #! line",
        }
        raise TargetError(f"cannot start {name}: {cause}; {remedy.get(child.error, 'try it in a shell')}")

    def _listening(self, name: str, port: int) -> tuple[str, int]:
        deadline = time.monotonic() + self._timeout
        while (address := self._ready(port)) is None:
            if self._child.gone:
                ending = _ending(self._child.exits[self.pid])
                raise TargetError(f"{name} {ending} before it listened on port {port}{_said(self._child)}")
            if time.monotonic() > deadline:
                raise self._not_ready(name, port)
            time.sleep(_LOOK)
        return address

    def _ready(self, port: int) -> tuple[str, int] | None:
        """Return the address that clients connect to once the server listens on `port`, else None."""
        if hosts := self._hosts(port):
            if not hosts & {"0.0.0.0", *ports.resolve(self._host)}:
                time.sleep(_SETTLE)
                hosts |= self._hosts(port)
            return ports.reachable(hosts, self._host, port), port
        # By its own word, where /proc does not show it to us: in a container with a forwarded port.
        line = _READY.search(self._child.tail)
        return (self._host, port) if line and int(line[2]) == port else None

    def _hosts(self, port: int) -> set[str]:
        if all(listener.port != port for listener in ports.listeners()):
            return set()  # spares the look at the tree while the server starts
        return {listener.host for listener, _ in self._listeners() if listener.port == port}

    def _listeners(self) -> Iterator[tuple[ports.Listener, psutil.Process]]:
        """Yield each listening socket of the tree with a process that holds it."""
        by_inode = {listener.inode: listener for listener in ports.listeners()}
        for process in self._child.processes():
            try:
                held = by_inode.keys() & ports.socket_inodes(process.pid)
            except PermissionError:
                # Another user's (sudo): what listens on a port that was free is believed to be its.
                held = set(by_inode)
            yield from ((by_inode[inode], process) for inode in held)

    def _not_ready(self, name: str, port: int) -> TargetError:
        others = sorted({peername((listener.host, listener.port)) for listener, _ in self._listeners()})
        if others:
            return TargetError(
                f"{name} listens on {', '.join(others)}, not on port {port}; put {{port}} where it takes its port"
            )
        bound = f"within {self._timeout:g} s"
        return TargetError(f"{name} did not listen on port {port} {bound}; is it a TCP server?{_said(self._child)}")


def _until(condition: Callable[[], bool], deadline: float = float("inf")) -> bool:
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True


def _ending(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    return f"was killed by signal {-status} ({signal.strsignal(-status)})"


def last_words(output: str) -> str:
    """Return the last line that says something; the rules that Python draws around exception groups do not."""
    lines = (line.strip(" |+-\t\r") for line in reversed(output.split("\n")))
    last = next((line for line in lines if line), "")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in last)


def _said(child: Child) -> str:
    """End the child and quote its last line, which usually names the cause."""
    child.end()
    last = last_words(child.tail.decode(errors="backslashreplace"))
    return f"; it said: {last[:200]}" if last else "; it said nothing"
