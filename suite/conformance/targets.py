"""From what the user wrote to targets: a variant's name, HOST:PORT, tcp://HOST:PORT, or a command."""

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

from suite import registry
from suite.conformance.target import Target, resolve
from suite.errors import TargetError, UsageError
from suite.process import Server, command_of
from suite.registry import Capabilities, Variant

__all__ = ("capabilities_of", "command", "of_variant", "parse")

_LATER = ("unix:", "tls://")


def parse(text: str, declared: Capabilities | None, *, factor: float, nofile: int) -> Target:
    """Return the target that `text` names; one whose host is unknown says so when it is entered.

    Raises:
        UsageError: neither a variant nor an address.
    """
    if text.startswith(_LATER):
        raise UsageError(f"{text}: only TCP targets can be checked; give HOST:PORT")
    if ":" not in text:
        return of_variant(registry.find(text), declared, factor=factor, nofile=nofile)
    host, _, port = text.removeprefix("tcp://").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{text!r} is no address; give HOST:PORT, with IPv6 as [::1]:PORT")
    capabilities = declared or Capabilities()
    try:
        return Target(text, "address", capabilities, addresses=resolve(host, int(port)), factor=factor)
    except TargetError as error:
        reason = str(error)

    def unknown() -> Server:
        raise TargetError(reason)

    return Target(text, "address", capabilities, start=unknown, factor=factor)


def of_variant(variant: Variant, declared: Capabilities | None, *, factor: float, nofile: int) -> Target:
    """Return the target that starts a variant of the registry; an unavailable one says why when it is entered."""

    def start() -> Server:
        variant.check()
        return Server.start(command_of(variant), nofile=nofile)

    return Target(variant.name, variant.kind, declared or variant.capabilities, start=start, factor=factor)


def command(words: Sequence[str], declared: Capabilities | None, *, factor: float, nofile: int) -> Target:
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
        " ".join(words),
        "command",
        declared or Capabilities(),
        start=lambda: Server.start(words, nofile=nofile),
        factor=factor,
        command=tuple(words),
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
