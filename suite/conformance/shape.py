"""What the generated programs of a family are made of: data, so that naming a check does not import Hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ("COUNTS", "LENGTHS", "Manner", "Shape")

COUNTS = (1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 7, 8)
"""Client counts, as often as they should be drawn."""

_EDGES = tuple(
    sorted(
        {(1 << k) + d for k in range(1, 17) for d in (-1, 0, 1)} | {3 * 4096, 5 * 4096, 100, 1000, 1460, 10000, 100_000}
    )
)
LENGTHS: tuple[Sequence[int], ...] = (range(1, 17), _EDGES, range(1, 3001))
"""Payload lengths, in groups that are drawn equally often: tiny ones, the edges of usual buffers, and any."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the programs of a family are made of.

    Attributes:
        operations: kinds of operation, as often as they should be drawn. Beside those of a script: "reconnect" (close
            and open anew), "again" (reset and connect anew from the same port), "burst" (send and half-close at once).
        endings: how clients still open end: "fin" (half-close and read to the end), "barrier", "close", "rst", "leave".
        lengths: payload lengths, in groups drawn equally often.
        counts: client counts.
        most: operations at most, endings apart.
        pauses: milliseconds that a pause may last.
        narrow: clients may have small windows.
    """

    operations: tuple[str, ...]
    endings: tuple[str, ...] = ("fin", "barrier")
    lengths: tuple[Sequence[int], ...] = LENGTHS
    counts: tuple[int, ...] = COUNTS
    most: int = 12
    pauses: tuple[int, ...] = (1, 5)
    narrow: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """How the clients of a protocol go about sending whole messages of it.

    Attributes:
        operations: kinds of operation, as often as they should be drawn: "send" (a whole message), "cut" (one that is
            written in pieces, with a part perhaps kept back until the client's next operation), "part" (one whose end
            is kept back), "ask" (one whose answer is waited for), "burst" (several messages without waiting),
            "barrier" (wait for all that is owed), "stall", "pause" and "reconnect".
        endings: how clients still open end: "fin" (half-close and read to the end), "barrier", "close", "rst", "leave".
        counts: client counts.
        most: operations at most, endings apart.
    """

    operations: tuple[str, ...]
    endings: tuple[str, ...] = ("barrier",)
    counts: tuple[int, ...] = COUNTS
    most: int = 8
