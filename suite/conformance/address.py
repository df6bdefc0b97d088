"""Where a target is, and by which transport: HOST:PORT, tcp://HOST:PORT, unix:/path, tls://HOST:PORT."""

import os
import socket
import stat
from shlex import quote
from typing import NamedTuple

from suite.errors import TargetError, UsageError

__all__ = ("Address", "addressed", "resolve")

LONGEST = 107
"""Bytes of a unix socket's path, unix(7): `sun_path` holds 108, the last a NUL."""


class Address(NamedTuple):
    """A target's socket address.

    Attributes:
        family: AF_INET, AF_INET6 or AF_UNIX.
        where: what connect(2) takes.
        tls: the name asked for in the TLS handshake; empty without TLS.
    """

    family: int
    where: tuple[str, int] | tuple[str, int, int, int] | str
    tls: str = ""

    def __str__(self) -> str:
        """Return it as a user would write it."""
        if isinstance(self.where, str):
            return f"unix:{self.where}"
        host, port = self.where[:2]
        return f"{'tls://' * bool(self.tls)}{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def netcat(self) -> str:
        """The words for nc(1)."""
        return f"-U {quote(self.where)}" if isinstance(self.where, str) else f"{self.where[0]} {self.where[1]}"

    @property
    def polled(self) -> bool:
        """Whether poll(2) tells all there is to know; for the rest a link is asked (`Link.nudge`)."""
        return not self.tls and self.family != socket.AF_UNIX

    def offers(self, need: str) -> bool:
        """Whether the transport offers what a check needs (see `plan.NEEDS`)."""
        return {"tcp": self.polled, "reset": self.family != socket.AF_UNIX, "tls": bool(self.tls)}.get(need, False)


def addressed(text: str) -> tuple[Address, ...]:
    """Return the addresses that a user's text may mean, in the order to try them.

    Raises:
        UsageError: it is no address.
        TargetError: the host is unknown, or there is no such socket.
    """
    if text.startswith("unix:"):
        return (_unix(text.removeprefix("unix:").removeprefix("//")),)
    tls = text.startswith("tls://")
    host, _, port = text.removeprefix("tls://" if tls else "tcp://").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(
            f"{text!r} is no address; give HOST:PORT, with IPv6 as [::1]:PORT, unix:/path or tls://HOST:PORT"
        )
    return resolve(host, int(port), tls=tls)


def resolve(host: str, port: int, *, tls: bool = False) -> tuple[Address, ...]:
    """Return the socket addresses of HOST:PORT, in the resolver's order.

    Raises:
        TargetError: the name is unknown.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: an empty or overlong label
        why = error.strerror if isinstance(error, OSError) else "no host name"
        raise TargetError(f"cannot resolve host {host!r}: {why}; check the name or give an address") from None
    name = host if tls else ""
    return tuple(dict.fromkeys(Address(row[0], row[4], name) for row in found))  # type: ignore[arg-type] # the stubs allow other families


def _unix(path: str) -> Address:
    """Return the address of a unix socket that is there; looking costs its server nothing."""
    if not path:
        raise UsageError("'unix:' names no socket; give unix:/path")
    if len(os.fsencode(path)) > LONGEST:
        raise UsageError(f"the path of a unix socket has at most {LONGEST} bytes; give a shorter one than {path}")
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a Path would rewrite what the user wrote
    except OSError as error:
        why = "no such socket" if isinstance(error, FileNotFoundError) else f"{error.strerror}"
        raise TargetError(
            f"cannot connect to unix:{path}: {why}; is the server running, and is this its path?"
        ) from None
    if not stat.S_ISSOCK(mode):
        raise TargetError(f"cannot connect to unix:{path}: it is no socket; give the path that the server listens on")
    if not os.access(path, os.W_OK):
        raise TargetError(
            f"cannot connect to unix:{path}: permission denied; run as its owner, or change the socket's mode"
        )
    return Address(socket.AF_UNIX, path)
