"""The oracles: one for each service, written from its RFC's text, and those that users bring as `module:attr`."""

import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from suite.conformance.dialogue import Dialogue, Oracle
from suite.conformance.oracle import EchoOracle
from suite.conformance.script import Op, Payload
from suite.errors import UsageError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ("BUILT_IN", "Daytime", "Discard", "Flow", "Quote", "Time", "find")

PRINTABLE = frozenset(range(0x20, 0x7F))
LINE = PRINTABLE | set(b"\t\r\n")
EPOCH = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01, as RFC 868 itself gives them."""
TOLERANCE = 10
"""Seconds that the server's clock and ours may differ, and the answer may take."""


class Discard(Dialogue):
    """RFC 863: what is received is thrown away, no response is sent, until the calling user ends the connection."""

    def receive(self, _: bytes, /) -> None:
        """Owe nothing."""


class _Speaker(Dialogue):
    """A service that speaks by itself, whatever its client sends, with more than one right answer."""

    exact = False

    def receive(self, _: bytes, /) -> None:
        """Let it be thrown away."""


class Flow(_Speaker):
    """RFC 864: data without regard to the input, until the calling user ends the connection; the RFC only recommends what."""

    def mismatch(self, _received: bytes | bytearray, _start: int, /, *, ended: bool) -> int | None:  # noqa: ARG002
        """Find nothing wrong with any data."""
        return None

    def wanted(self) -> str:
        """Name it."""
        return "characters for as long as the client wants"


class Quote(_Speaker):
    """RFC 865: a short message, then the server closes the connection."""

    def __init__(self) -> None:
        super().__init__()
        self.closes = True

    def mismatch(self, received: bytes | bytearray, _: int, /, *, ended: bool) -> int | None:
        """Miss a message that is not there at all."""
        return 0 if ended and not received else None

    def wanted(self) -> str:
        """Name it."""
        return "a message"


class Daytime(Quote):
    """RFC 867: the date and time as one line of printable ASCII, then the server closes the connection."""

    def mismatch(self, received: bytes | bytearray, start: int, /, *, ended: bool) -> int | None:
        """Find what is no ASCII, what follows the line's end, or that nothing printable came."""
        for at in range(start, len(received)):
            after = received[at - 1 : at] if at else b""
            if received[at] not in LINE or after == b"\n" or (after == b"\r" and received[at] != 0x0A):
                return at
        return len(received) if ended and not PRINTABLE.intersection(received) - {0x20} else None

    def wanted(self) -> str:
        """Name it."""
        return "the date and time as one line of ASCII"


class Time(Quote):
    """RFC 868: the seconds since 1900 as 32 bits, then the server closes; the number wraps on 2036-02-07.

    The byte order is the Internet's: the most significant first (RFC 791, appendix B).
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock

    def _off(self, number: int) -> int:
        """Return the seconds by which a number differs from now, across the wrap."""
        return (number - int(self._clock()) - EPOCH + 2**31) % 2**32 - 2**31

    def mismatch(self, received: bytes | bytearray, _: int, /, *, ended: bool) -> int | None:
        """Find a fifth byte, a number that is not now, or too few bytes."""
        if len(received) >= 4 and abs(self._off(int.from_bytes(received[:4], "big"))) > TOLERANCE:
            return 0
        if len(received) > 4:
            return 4
        return len(received) if ended and len(received) < 4 else None

    def wanted(self) -> str:
        """Say what the number is now."""
        now = (int(self._clock()) + EPOCH) % 2**32
        return f"{now.to_bytes(4, 'big').hex(' ')}, the seconds since 1900, give or take {TOLERANCE}"

    def reading(self, received: bytes, /) -> str:
        """Recognise the usual mistakes."""
        number = int.from_bytes(received[:4], "big")
        if abs(self._off(number + EPOCH)) <= TOLERANCE:
            return "the seconds since 1970"
        if abs(self._off(int.from_bytes(received[:4], "little"))) <= TOLERANCE:
            return "the least significant byte first"
        return f"{self._off(number)} s from now" if len(received) == 4 else ""


def _anything(_: int) -> "SearchStrategy[bytes]":
    from hypothesis import strategies as st  # noqa: PLC0415 - it takes 0.3 s to import

    return st.integers(1, 2000).map(lambda length: Payload.random(length, length).data)


def _built_in() -> dict[str, Callable[[], Oracle]]:
    speaks = (Op("open", 0), Op("read", 0, count=1))
    some = (Op("open", 0), Op("stall", 0), Op("read", 0, count=100), Op("close", 0))
    silent = (Op("open", 0), Op("send", 0, Payload.of(b"x\n")), Op("fin", 0), Op("read_eof", 0))
    return {
        "echo": EchoOracle,
        "discard": lambda: Oracle("discard", Discard, _anything, silent),
        "chargen": lambda: Oracle("chargen", Flow, canary=some),
        "qotd": lambda: Oracle("qotd", Quote, canary=speaks),
        "daytime": lambda: Oracle("daytime", Daytime, canary=speaks),
        "time": lambda: Oracle("time", Time, canary=speaks),
    }


BUILT_IN = _built_in()


def find(name: str) -> Oracle:
    """Return the oracle of a service, or the one that `module:attr` names; modules in the working directory count.

    Raises:
        UsageError: there is none, or its module cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]()
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise UsageError(f"unknown service {name!r}; choose one of {', '.join(BUILT_IN)}, or MODULE:ATTR of your own")
    if (here := os.getcwd()) not in sys.path:  # noqa: PTH109 - a string is wanted
        sys.path.insert(0, here)
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name == module or module.startswith(f"{error.name}.")
        why = "there is no such module here or on PYTHONPATH" if missing else f"it needs {error.name}"
        raise UsageError(f"--service {name}: cannot import {module}: {why}") from None
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
        raise UsageError(f"--service {name}: importing {module} raised {said}".replace("\n", " ")) from None
    oracle = getattr(found, attribute, None)
    if not isinstance(oracle, Oracle):
        is_what = "there is none" if oracle is None else f"it is {type(oracle).__name__}"
        raise UsageError(f"--service {name}: {attribute} must be a suite.conformance.dialogue.Oracle; {is_what}")
    from hypothesis.strategies import SearchStrategy  # noqa: PLC0415 - its module has imported it already, most likely

    if not isinstance(oracle.messages, SearchStrategy) and not callable(oracle.messages):
        raise UsageError(
            f"--service {name}: its messages must be a Hypothesis strategy, or a function that makes one; "
            f"they are {oracle.messages!r}"
        )
    if not isinstance(oracle.canary, tuple):
        raise UsageError(f"--service {name}: its canary must be bytes; it is {oracle.canary!r}")
    oracle.service = name
    return oracle
