"""select's wall at 1024: a matter of descriptors' numbers, not of how many there are."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from suite.bench.claims.callers import Crowd, heard, highest
from suite.bench.claims.judging import FAIL, PASS
from suite.bench.claims.lab import SPARE, Lab
from suite.bench.claims.trial import Finding, Trial
from suite.bench.findings import Plot, Point, Series

__all__ = ("FD_SETSIZE", "TRIALS", "Half", "judge_wall", "select_wall")

FD_SETSIZE = 1024
"""select(2), BUGS: an fd_set holds descriptors below 1024."""
ROUND = 64
"""Descriptors that a server has besides its clients' and those taken before it started, at most."""
_TAKE = "import os, sys\nfor _ in range(int(sys.argv[1])):\n    os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)\nos.execv(sys.argv[2], sys.argv[2:])"
"""Takes so many of the lowest free descriptors and becomes the command that follows, which inherits them."""


@dataclass(frozen=True, slots=True)
class Half:
    """What became of so many clients at once.

    Attributes:
        variant: of the server.
        taken: its descriptors that were taken before it started.
        asked: clients that connected.
        served: that were answered, and once more after the last had come.
        turned_away: that were ended with a FIN, unasked.
        other: what became of the rest.
        highest: the highest number among the server's descriptors meanwhile.
    """

    variant: str
    taken: int
    asked: int
    served: int
    turned_away: int
    other: tuple[str, ...]
    highest: int


def select_wall(lab: Lab, *, taken: int = 1000, few: int = 40, many: int = 1100) -> Finding:
    """Serve few clients with high numbers, then many from low numbers on."""
    lab.room(max(taken + few, many) + 2 * SPARE)
    halves = [
        _half(lab, variant, low, asked)
        for low, asked in ((taken, few), (0, many))
        for variant in ("raw-select", "raw-poll", "raw-epoll")
    ]
    return judge_wall(halves)


def _half(lab: Lab, variant: str, taken: int, asked: int) -> Half:
    wrapper = (sys.executable, "-I", "-S", "-c", _TAKE, str(taken)) if taken else ()
    with lab.server(variant, connections=taken + asked + SPARE, wrapper=wrapper) as server, Crowd() as crowd:
        callers = crowd.call(server.address, asked)
        # Clients are accepted in order: once the last has an outcome, all others have been accepted or turned away.
        *others, last = callers
        last.say()
        heard([last])
        heard(others, 0.1)
        silent = [caller for caller in others if not caller.outcome]
        for caller in silent:
            caller.say()
        heard(silent)
        again = [caller for caller in callers if caller.outcome == "served"]
        for caller in again:
            caller.say()
        heard(again)
        outcomes = [caller.outcome or "no answer" for caller in callers]
        if outcomes[-1] == "RST":
            outcomes[-1] = "FIN"  # it had spoken, so its polite end may cross its words: RFC 1122 section 4.2.2.13
        other = tuple(sorted(outcome for outcome in outcomes if outcome not in ("served", "FIN")))
        return Half(variant, taken, asked, outcomes.count("served"), outcomes.count("FIN"), other, highest(server.pid))


def judge_wall(halves: Sequence[Half]) -> Finding:
    """Judge both halves: of select and of those that it is compared with."""
    walled = [half for half in halves if half.variant == "raw-select"]
    free = [half for half in halves if half.variant != "raw-select"]
    faults = [
        f"{half.variant} served {half.served} of {half.asked}"
        for half in free
        if half.served < half.asked or half.highest < FD_SETSIZE
    ]
    for half in walled:
        place = f"with {half.taken} descriptors taken"
        if half.other:
            faults.append(f"{place} raw-select left {len(half.other)} clients with {half.other[0]}")
        fitting = FD_SETSIZE - half.taken
        if not fitting - ROUND <= half.served < fitting or half.highest >= FD_SETSIZE:
            faults.append(
                f"{place} raw-select served {half.served}, where {fitting} numbers are left below {FD_SETSIZE}"
            )
    figures = {"halves": [{name: getattr(half, name) for name in Half.__slots__} for half in halves]}
    first, second = walled
    return Finding(
        FAIL if faults else PASS,
        "; ".join(faults)
        or f"with {first.taken} low descriptors taken raw-select served {first.served} of {first.asked} clients and turned {first.turned_away} away with a FIN, with none taken {second.served} of {second.asked}; raw-poll and raw-epoll served all, up to descriptor {max(half.highest for half in free)}",
        figures,
        Plot(
            "clients", "clients served",
            tuple(
                Series(variant, tuple(Point(index, half.served) for index, half in enumerate(half for half in halves if half.variant == variant)))
                for variant in dict.fromkeys(half.variant for half in halves)
            ),
            bars=True, labels=tuple(f"{half.asked}, from descriptor {half.taken} on" for half in walled),
        ),
    )  # fmt: skip


TRIALS = (
    Trial(
        "select-wall",
        "What select cannot hold is a descriptor numbered 1024 or more, however few there are; poll and epoll have no such wall.",
        f"select serves as many clients as there are numbers below {FD_SETSIZE}, both with few clients and high numbers and with many clients, and ends the others with a FIN; poll and epoll serve all: FD_SETSIZE, select(2)",
        "select(2), BUGS: FD_SETSIZE is 1024, and higher numbers are undefined behaviour",
        select_wall,
    ),
)
