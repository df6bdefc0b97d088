"""The table of variants: data only. Implementations are named, not imported, so a missing library costs one row."""

from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from suite.errors import StartError, UsageError
from suite.launch import Serve

__all__ = ("VARIANTS", "Capabilities", "Variant", "find", "own", "peers")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a mechanism cannot do by its nature, declared; never hidden and never a failure.

    Attributes:
        max_clients: clients served at once; None is unlimited.
        polls: burns a core while idle, by nature.
        idle_timeout: seconds after which silent clients are closed on purpose; None is never.
        no_half_close: a client's end ends both directions, and drops what is under way to it (TLS as many speak it).
        io_uring: accepts, receives and sends without system calls of its own, so none can be made to fail.
    """

    max_clients: int | None = None
    polls: bool = False
    idle_timeout: float | None = None
    no_half_close: bool = False
    io_uring: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """One runnable combination of a runtime and a mechanism.

    Attributes:
        name: `<runtime>-<mechanism>`.
        target: `module:callable` of a driver (`suite.launch.Serve`), or the path of a stand-alone script below this
            package that takes HOST PORT.
        kind: "own" (judged by the exit code of `suite check all`), "control" or "peer".
        summary: how it waits, in one line.
        capabilities: what it declares.
        requires: modules that must be importable.
        probe: `module:callable` that says why the system cannot run it, or None; empty where any can.
    """

    name: str
    target: str
    kind: str
    summary: str
    capabilities: Capabilities = field(default_factory=Capabilities)
    requires: tuple[str, ...] = ()
    probe: str = ""

    @property
    def services(self) -> tuple[str, ...]:
        """Names of the services that it serves: controls and textbook peers echo, Twisted has its own of the others."""
        every = self.kind == "own" or self.name == "twisted-wire"
        return ("echo", "discard", "chargen", "qotd", "daytime", "time") if every else ("echo",)

    @property
    def script(self) -> Path | None:
        """The stand-alone script of a peer; None for a driver of ours."""
        return Path(__file__).parent / self.target if self.target.endswith(".py") else None

    def unavailable(self) -> str | None:
        """Say why this variant cannot run here, or None."""
        missing = [name for name in self.requires if find_spec(name) is None]
        if not missing:
            reason: str | None = _named(self.probe)() if self.probe else None
            return reason
        extra = " (pip install 'suite[peers]')" if self.kind == "peer" else ""
        return f"{', '.join(missing)} is not installed{extra}"

    def check(self) -> None:
        """Raise a StartError that says why, if this variant cannot run here."""
        reason = self.unavailable()
        if reason is not None:
            raise StartError(f"{self.name} is unavailable: {reason}")

    def load(self) -> Serve:
        """Import and return the driver.

        Raises:
            StartError: the variant is unavailable here, or is a stand-alone script.
        """
        self.check()
        if self.script is not None:
            raise StartError(f"{self.name} is a stand-alone script: run python {self.script} HOST PORT")
        serve: Serve = _named(self.target)
        return serve


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


_ONE = Capabilities(max_clients=1)

VARIANTS: tuple[Variant, ...] = (
    Variant("raw-iterative", "raw_impl.iterative:serve", "own", "one client at a time", _ONE),
    Variant("raw-prefork", "raw_impl.prefork:serve", "own", "worker processes accept from one listener", Capabilities(max_clients=16)),
    Variant("raw-fork", "raw_impl.fork:serve", "own", "a process per client"),
    Variant("raw-thread", "raw_impl.thread:serve", "own", "a thread per client"),
    Variant("raw-nonblocking", "raw_impl.nonblocking:serve", "own", "asks every socket in turn, never waits", Capabilities(polls=True)),
    Variant("raw-select", "raw_impl.select:serve", "own", "select(2), descriptors below 1024", Capabilities(max_clients=1000)),
    Variant("raw-poll", "raw_impl.poll:serve", "own", "poll(2)"),
    Variant("raw-epoll", "raw_impl.epoll:serve", "own", "epoll(7), level-triggered"),
    Variant("raw-epoll-edge", "raw_impl.epoll_edge:serve", "own", "epoll(7), edge-triggered"),
    Variant("raw-uring", "raw_impl.uring:serve", "own", "io_uring(7), by completions", Capabilities(io_uring=True), probe="raw_impl._uring:unavailable"),
    Variant("twisted-epoll", "twisted_impl.server:serve_epoll", "own", "Twisted on its epoll reactor", requires=("twisted",)),
    Variant("twisted-poll", "twisted_impl.server:serve_poll", "own", "Twisted on its poll reactor", requires=("twisted",)),
    Variant("twisted-select", "twisted_impl.server:serve_select", "own", "Twisted on its select reactor", Capabilities(max_clients=1000), ("twisted",)),
    Variant("twisted-producer", "twisted_impl.server:serve_producer", "own", "Twisted's own transport on its epoll reactor, with a producer", requires=("twisted",)),
    Variant("trio", "trio_impl.server:serve", "own", "Trio, a task per client on its socket", requires=("trio",)),
    Variant("trio-streams", "trio_impl.server:serve_streams", "own", "Trio, a task per client on its stream", requires=("trio",)),
    Variant("raw-native", "raw_impl.native_echo:serve", "control", "hand-written epoll echo without a Session"),
    Variant("twisted-native", "twisted_impl.native_echo:serve", "control", "idiomatic Twisted echo without a Session", requires=("twisted",)),
    Variant("trio-native", "trio_impl.native_echo:serve", "control", "idiomatic Trio echo without a Session", requires=("trio",)),
    Variant("twisted-wire", "peers/twisted_wire.py", "peer", "Twisted's own twisted.protocols.wire.Echo", requires=("twisted",)),
    Variant("asyncio-streams", "peers/asyncio_streams.py", "peer", "asyncio streams: read, write, drain"),
    Variant("asyncio-protocol", "peers/asyncio_protocol.py", "peer", "asyncio Protocol: data_received writes"),
    Variant("uvloop-protocol", "peers/uvloop_protocol.py", "peer", "the same Protocol on uvloop", requires=("uvloop",)),
    Variant("gevent", "peers/gevent_server.py", "peer", "gevent StreamServer: recv, sendall", requires=("gevent",)),
    Variant("socketserver-thread", "peers/socketserver_thread.py", "peer", "socketserver.ThreadingTCPServer"),
)  # fmt: skip


def find(name: str) -> Variant:
    """Return the variant called `name`.

    Raises:
        UsageError: there is none; the message names the closest ones.
    """
    for variant in VARIANTS:
        if variant.name == name:
            return variant
    from difflib import get_close_matches  # noqa: PLC0415 - only a misspelt name needs it

    close = get_close_matches(name, [variant.name for variant in VARIANTS], n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else "`suite list variants` names them all"
    raise UsageError(f"unknown variant {name!r}; {hint}")


def own() -> tuple[Variant, ...]:
    """Return the variants that `suite check all` answers for."""
    return tuple(variant for variant in VARIANTS if variant.kind == "own")


def peers() -> tuple[Variant, ...]:
    """Return controls and peers: measured and checked, expected to fail some checks."""
    return tuple(variant for variant in VARIANTS if variant.kind != "own")
