"""The `suite_server` fixture: servers that a test makes, to be judged."""

import inspect
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import pytest

from suite import api, ports
from suite._pytest_checks import settings, target_of
from suite.errors import SuiteError, TargetError, UsageError
from suite.launch import BACKLOG
from suite.process import Server

__all__ = ("Make", "SuiteServer", "serving")

HOST = "127.0.0.1"
PATIENCE = 10.0
"""Seconds that a function given a port has to listen on it."""
GRACE = 2.0
"""Seconds that a function has to return once its listener is shut down; after that it is left to its daemon thread."""


class SuiteServer:
    """A server that a test made.

    Attributes:
        target: what `suite.check` is given: HOST:PORT, or the words of a command.
    """

    def __init__(self, target: str | Sequence[str], defaults: dict[str, Any], stack: ExitStack) -> None:
        self.target = target
        self._defaults = defaults
        self._stack = stack
        self._address: tuple[str, int] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) to connect to. For a command, the first use starts one for the test itself: checks start others."""
        if self._address is None:
            if isinstance(self.target, str):
                host, _, port = self.target.rpartition(":")
                self._address = host, int(port)
            else:
                self._address = self._stack.enter_context(Server.start(self.target)).address
        return self._address

    def check(self, **options: Any) -> api.Report:
        """Judge it: `suite.check` with the session's `--suite-…` options, and `options` over them.

        What cannot be judged fails the test in one line.
        """
        __tracebackhide__ = True
        with _one_line():
            return api.check(self.target, **self._defaults | options)

    def assert_conforms(self, **options: Any) -> None:
        """Judge it, and fail the test with the report unless it conforms."""
        __tracebackhide__ = True
        report = self.check(**options)
        if not report.ok:
            pytest.fail(str(report), pytrace=False)


class Make(Protocol):
    """Makes a SuiteServer of a command or a function."""

    def __call__(self, server: str | Sequence[str] | Callable[..., object], /) -> SuiteServer: ...


@contextmanager
def serving(config: pytest.Config) -> Iterator[Make]:
    """Make servers, and stop them all."""
    with ExitStack() as stack:

        def make(server: str | Sequence[str] | Callable[..., object], /) -> SuiteServer:
            __tracebackhide__ = True
            target: str | Sequence[str]
            with _one_line():
                if callable(server):
                    target = f"{HOST}:{stack.enter_context(_thread(server))}"
                else:
                    target = target_of(server) if isinstance(server, str) else list(server)
            return SuiteServer(target, settings(config), stack)

        yield make


@contextmanager
def _one_line() -> Iterator[None]:
    """Turn our errors into failures that need no traceback."""
    __tracebackhide__ = True
    try:
        yield
    except SuiteError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@contextmanager
def _thread(function: Callable[..., object]) -> Iterator[int]:
    """Serve by `function` in a thread; yield the port.

    Raises:
        UsageError: it takes what there is not to give.
        TargetError: it returned, or does not listen.
    """
    names = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
    ]
    if not set(names) <= {"listener", "host", "port"} or not {"listener", "port"} & set(names):
        raise UsageError(f"suite_server calls a function with `listener`, or `host` and `port`, not {', '.join(names) or 'nothing'}")  # fmt: skip
    listener = socket.create_server((HOST, 0), backlog=BACKLOG) if "listener" in names else None
    port: int = listener.getsockname()[1] if listener else ports.free_port(HOST)
    given = {"listener": listener, "host": HOST, "port": port}
    failed: list[BaseException] = []
    stopped = False

    def run() -> None:
        try:
            function(**{name: given[name] for name in names})
        except BaseException as error:
            if not stopped:  # what the end of its listener does to it is no news
                failed.append(error)
                _end(listener)  # else clients would wait in its queue

    thread = threading.Thread(target=run, name=f"suite_server:{port}", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while listener is None and all(other.port != port for other in ports.listeners()):
            if failed:
                raise failed[0]
            if not thread.is_alive():
                raise TargetError(f"the server function returned before it listened on port {port}")
            if time.monotonic() > deadline:
                raise TargetError(f"the server function did not listen on port {port}; is that where it was told to?")
            time.sleep(0.005)
        yield port
    finally:
        stopped = True
        _end(listener)
        if listener is not None:
            listener.close()
            thread.join(GRACE)
    if failed:
        raise failed[0]


def _end(listener: socket.socket | None) -> None:
    """Wake whoever waits in accept(2), which closing alone does not."""
    if listener is not None:
        try:
            listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed
