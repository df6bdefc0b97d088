"""From what the user wrote to targets: a variant's name, HOST:PORT, tcp://HOST:PORT, or a command."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from suite import registry
from suite.conformance.dialogue import Oracle
from suite.conformance.target import Target, resolve
from suite.errors import StartError, UsageError
from suite.process import Server, command_of
from suite.registry import Capabilities, Variant

__all__ = ("capabilities_of", "command", "of_variant", "parse")

_LATER = ("unix:", "tls://")


def parse(
    text: str, declared: Capabilities | None, *, factor: float, nofile: int, oracle: Oracle | None = None
) -> Target:
    """Return the target that `text` names.

    Raises:
        UsageError: neither a variant nor an address.
        TargetError: the host is unknown.
    """
    if text.startswith(_LATER):
        raise UsageError(f"{text}: only TCP targets can be checked; give HOST:PORT")
    if ":" not in text:
        return of_variant(registry.find(text), declared, factor=factor, nofile=nofile, oracle=oracle)
    host, _, port = text.removeprefix("tcp://").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{text!r} is no address; give HOST:PORT, with IPv6 as [::1]:PORT")
    return Target(
        text, "address", declared or Capabilities(), addresses=resolve(host, int(port)), factor=factor, oracle=oracle
    )


def of_variant(
    variant: Variant, declared: Capabilities | None, *, factor: float, nofile: int, oracle: Oracle | None = None
) -> Target:
    """Return the target that starts a variant of the registry; an unavailable one says why when it is entered."""
    service = "echo" if oracle is None else oracle.service

    def start() -> Server:
        variant.check()
        if service not in variant.services:
            raise StartError(f"{variant.name} is unavailable: it does not serve {service}")
        return Server.start(command_of(variant, service), nofile=nofile)

    return Target(
        variant.name, variant.kind, declared or variant.capabilities, start=start, factor=factor, oracle=oracle
    )


def command(
    words: Sequence[str], declared: Capabilities | None, *, factor: float, nofile: int, oracle: Oracle | None = None
) -> Target:
    """Return the target that starts `words`, in which {host} and {port} are replaced."""
    return Target(
        " ".join(words),
        "command",
        declared or Capabilities(),
        start=lambda: Server.start(words, nofile=nofile),
        factor=factor,
        oracle=oracle,
    )


def capabilities_of(texts: Sequence[str]) -> Capabilities | None:
    """Read `max-clients=N`, `idle-timeout=S` and `polls`; None when nothing is declared.

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
                case _:
                    raise UsageError(f"unknown capability {text!r}; declare max-clients=N, idle-timeout=S or polls")
        except ValueError:
            raise UsageError(f"capability {text!r} wants a positive number") from None
    return found if texts else None


_Number = TypeVar("_Number", int, float)


def _positive(value: _Number) -> _Number:
    if not 0 < value < float("inf"):
        raise ValueError(value)
    return value
