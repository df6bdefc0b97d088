"""Time, RFC 868: the seconds since 1900 as a 32-bit binary number, then the end."""

import time
from collections.abc import Callable

from suite.services._message import Message

__all__ = ("Time", "new_session")

_EPOCH = 2_208_988_800  # 1970-01-01 in seconds since 1900-01-01 (RFC 868, The Time)


class Time(Message):
    """Sends four bytes, big-endian and unsigned: the time of the connection; it wraps on 2036-02-07.

    `clock` returns seconds since 1970-01-01 UTC; it is read once, when the session is made.
    """

    __slots__ = ()

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__((int(clock() + _EPOCH) % 2**32).to_bytes(4, "big"))


def new_session() -> Time:
    """Return a session on the system's clock."""
    return Time(time.time)
