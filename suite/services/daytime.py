"""Daytime, RFC 867: the date and time as one line of ASCII, then the end."""

import time
from collections.abc import Callable

from suite.services._message import Message

__all__ = ("Daytime", "new_session")

# Not strftime's names: those follow the process's locale and may leave ASCII.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Daytime(Message):
    """Sends the time of the connection, in the RFC's first popular syntax and in UTC, and ends.

    `clock` returns seconds since 1970-01-01 UTC; it is read once, when the session is made.
    """

    __slots__ = ()

    def __init__(self, clock: Callable[[], float]) -> None:
        now = time.gmtime(clock())
        date = f"{_DAYS[now.tm_wday]}, {_MONTHS[now.tm_mon - 1]} {now.tm_mday}, {now.tm_year}"
        super().__init__(f"{date} {now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}-UTC\r\n".encode("ascii"))


def new_session() -> Daytime:
    """Return a session on the system's clock."""
    return Daytime(time.time)
