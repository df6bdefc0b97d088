"""From what the user wrote to targets: a variant's name, an address (see `address`), or a command."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote
from typing import TypeVar

from suite import ports, registry
from suite.census import tree_of
from suite.conformance.address import Address, addressed
from suite.conformance.dialogue import Oracle
from suite.conformance.target import Target
from suite.errors import StartError, TargetError, UsageError
from suite.process import Server, command_of
from suite.registry import Capabilities, Variant

__all__ = ("How", "capabilities_of", "command", "of_variant", "parse", "spelled")

GRACE = "1"
"""Seconds that servers of ours are told to give their sessions after SIGTERM, instead of five: a run stops each of them often."""


@dataclass(frozen=True, slots=True)
class How:
    """How targets are reached and started.

    Attributes:
        factor: multiplies every wait.
        nofile: RLIMIT_NOFILE of servers that are started, when nothing else is said.
        limit: RLIMIT_NOFILE that was asked for (`--nofile`).
        pid: the process that serves at an address (`--pid`).
        oracle: what their service owes; echo, when none is given.
        tls: servers that are started speak TLS.
        inject: errors may be injected into their system calls (`--inject`).
    """

    factor: float = 1.0
    nofile: int = 1024
    limit: int | None = None
    pid: int | None = None
    oracle: Oracle | None = None
    tls: bool = False
    inject: bool = False


def parse(text: str, declared: Capabilities | None, how: How) -> Target:
    """Return the target that `text` names; one whose host is unknown, or whose socket is not there, says so when entered.

    Raises:
        UsageError: neither a variant nor an address.
    """
    if ":" not in text:
        return of_variant(registry.find(text), declared, how)
    if how.limit is not None:
        raise UsageError(
            f"--nofile is for servers that suite starts; start {text} under `ulimit -n {how.limit}` instead"
        )
    if how.inject:
        raise UsageError(
            f"--inject is for servers that suite starts; give the command that starts {text} after -- instead"
        )
    capabilities = declared or Capabilities()
    try:
        addresses = addressed(text)
    except TargetError as error:
        reason = str(error)
    else:
        if how.pid is not None:
            _make_sure(how.pid, addresses[0])
        return Target(
            text, "address", capabilities, addresses=addresses, factor=how.factor, pid=how.pid, oracle=how.oracle
        )

    def unknown() -> Server:
        raise TargetError(reason)

    return Target(text, "address", capabilities, start=unknown, factor=how.factor, oracle=how.oracle)


def _make_sure(pid: int, address: Address) -> None:
    """See that a process serves at an address: of any other everything that is asked for would hold.

    In a network namespace of its own (a container) it may listen on another port.

    Raises:
        UsageError: it does not, or must not be looked at.
    """
    tree = tree_of(pid)
    if not tree or pid < 1:
        raise UsageError(f"--pid {pid}: there is no such process; `ss -ltnp` names those that listen")
    try:
        held = set().union(*map(ports.socket_inodes, tree))
        apart = os.stat(f"/proc/{pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116
    except OSError as error:
        raise UsageError(
            f"--pid {pid}: cannot look at it: {error.strerror}; run suite as its user, or as root"
        ) from None
    if os.getpid() in tree:
        raise UsageError(f"--pid {pid}: that is a parent of suite itself; `ss -ltnp` names the server")
    at = None if isinstance(address.where, str) else address.where[1]
    if at is not None and not any(row.inode in held and (apart or row.port == at) for row in ports.listeners(pid)):
        raise UsageError(f"--pid {pid}: it does not listen on port {at}; `ss -ltnp` names the process that does")


def of_variant(variant: Variant, declared: Capabilities | None, how: How) -> Target:
    """Return the target that starts a variant of the registry.

    An unavailable one says why when it is entered. It is of a kind of its own, which `suite check all` does not count.
    """
    service = "echo" if how.oracle is None else how.oracle.service

    def start() -> Server:
        variant.check()
        if service not in variant.services:
            raise StartError(f"{variant.name} is unavailable: it does not serve {service}")
        words = command_of(variant, service)
        if variant.script is None:
            words += ["--drain-grace", GRACE]
        return Server.start(words, nofile=how.limit or how.nofile)

    capabilities = declared or variant.capabilities
    return Target(
        variant.name,
        "unavailable" if variant.unavailable() else variant.kind,
        capabilities,
        start=start,
        factor=how.factor,
        nofile=how.limit,
        oracle=how.oracle,
        inject=how.inject,
    )


def command(words: Sequence[str], declared: Capabilities | None, how: How) -> Target:
    """Return the target that starts `words`, in which {host} and {port} are replaced.

    Raises:
        UsageError: there are no words, or none says where the port goes.
    """
    if not words:
        raise UsageError("no command after --; for example: suite check -- ./server {host} {port}")
    if not any("{port}" in word for word in words):
        raise UsageError(
            "the command does not say where {port} goes; for example: suite check -- ./server --port {port}"
        )
    return Target(
        spelled(words),
        "command",
        declared or Capabilities(),
        start=lambda: Server.start(words, nofile=how.limit or how.nofile),
        factor=how.factor,
        nofile=how.limit,
        command=tuple(words),
        oracle=how.oracle,
        tls=how.tls,
        inject=how.inject,
    )


def spelled(words: Sequence[str]) -> str:
    """Return a command line that can be pasted into a shell; `{host}` and `{port}` stay as people write them."""
    bare = (word.replace("{host}", "_").replace("{port}", "_") for word in words)
    return " ".join(word if quote(plain) == plain else quote(word) for word, plain in zip(words, bare, strict=True))


def capabilities_of(texts: Sequence[str]) -> Capabilities | None:
    """Read `max-clients=N`, `idle-timeout=S`, `polls`, `no-half-close` and `io-uring`; None when nothing is declared.

    Raises:
        UsageError: an unknown capability or a value that is not a positive number.
    """
    found = Capabilities()
    for text in texts:
        name, _, value = text.partition("=")
        try:
            match name:
                case "max-clients":
                    found = dataclasses.replace(found, max_clients=_positive(int(value)))
                case "idle-timeout":
                    found = dataclasses.replace(found, idle_timeout=_positive(float(value)))
                case "polls" if not value:
                    found = dataclasses.replace(found, polls=True)
                case "no-half-close" if not value:
                    found = dataclasses.replace(found, no_half_close=True)
                case "io-uring" if not value:
                    found = dataclasses.replace(found, io_uring=True)
                case _:
                    raise UsageError(
                        f"unknown capability {text!r}; "
                        "declare max-clients=N, idle-timeout=S, polls, no-half-close or io-uring"
                    )
        except ValueError:
            raise UsageError(f"capability {text!r} wants a positive number") from None
    return found if texts else None


_Number = TypeVar("_Number", int, float)


def _positive(value: _Number) -> _Number:
    if not 0 < value < float("inf"):
        raise ValueError(value)
    return value
