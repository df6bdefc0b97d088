"""Quote of the day, RFC 865: one short message, then the end."""

import time

from suite.services._message import Message

__all__ = ("QUOTES", "Qotd", "new_session")

QUOTES = (
    "The network is a rumour; only the echo is news.",
    "A buffer without a bound is a promise nobody can keep.",
    "Whoever waits for one client lets all the others wait.",
    "Silence is not an answer, and a timeout is not a fact.",
    "Say goodbye with a FIN; slamming the door resets the conversation.",
    "Every byte arrives in order, but never when you expect it.",
    "A short write is not an error. Ignoring it is.",
)


class Qotd(Message):
    """Sends one quotation and ends.

    Raises:
        ValueError: `text` is not ASCII, or its line is not shorter than 512 characters (RFC 865, Quote Syntax).
    """

    __slots__ = ()

    def __init__(self, text: str) -> None:
        line = f"{text}\r\n".encode("ascii")
        if len(line) >= 512:
            raise ValueError(f"a quotation of {len(line)} characters: RFC 865 allows 511")
        super().__init__(line)


def new_session() -> Qotd:
    """Return a session with today's quotation (UTC)."""
    return Qotd(QUOTES[int(time.time()) // 86400 % len(QUOTES)])
