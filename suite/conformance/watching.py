"""Operations that look at the server's processes, trouble or end them; a target whose processes nobody knows has none of these.

["measure", 500]   count what the server holds, wait so many milliseconds, count again
["settle", 2000]   wait until it holds no more than at the first `measure`, at most so long
["term"]           SIGTERM to the process that serves
["exit", 9000]     wait until that has ended, at most so long
["restart"]        start the command again on the same port
["freeze"]         SIGSTOP to all its processes: clients come, and nobody accepts them
["thaw"]           SIGCONT; so it is at a script's end in any case
["inject", "accept4:error=ENFILE"]     from now on these system calls fail (see `injecting`)
["heal"]           from now on they do not; so it is at a script's end in any case
"""

import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

from suite.census import Census

__all__ = ("WATCHING", "Log", "Measure", "Stop", "Watch", "operate", "settled")

WATCHING = ("measure", "settle", "term", "exit", "restart", "freeze", "thaw", "inject", "heal")
"""Kinds of operation that are this module's; they belong to no client."""
LOOK = 0.02
"""Seconds between two looks."""


class Watch(Protocol):
    """What can be seen of a server's processes, and done to them."""

    def census(self) -> Census:
        """Count what its processes hold now."""

    def terminate(self) -> None:
        """Send SIGTERM to the process that serves."""

    def status(self) -> int | None:
        """Return how that process has ended, as `subprocess` tells it; None while it lives."""

    def restart(self) -> str:
        """Start the command again on the same port; return why that failed, or nothing."""

    def freeze(self) -> bool:
        """Stop all its processes; return whether they stand still."""

    def thaw(self) -> None:
        """Let them go on."""

    def begin_faults(self, spec: str) -> None:
        """Begin to have system calls fail."""

    def faulty(self) -> bool:
        """Whether that has begun."""

    def heal(self) -> int:
        """End it; return how many calls have failed so."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a server held at the start and at the end of some seconds."""

    before: Census
    after: Census
    seconds: float

    @property
    def load(self) -> float:
        """Processor time used, as a share of one processor."""
        return (self.after.cpu - self.before.cpu) / self.seconds if self.seconds else 0.0

    @property
    def wanted(self) -> float:
        """Processor time used or waited for, as a share of the time."""
        return (self.after.wanted - self.before.wanted) / self.seconds if self.seconds else 0.0


@dataclass(slots=True)
class Stop:
    """How a server took its SIGTERM.

    Attributes:
        sent: monotonic time of the signal.
        seconds: from the signal to the end of the process that serves; None while it lives.
        status: how that process ended, as in `subprocess`; None while it lives.
        left: processes of its tree when its last client had left, two seconds later at most.
        rebind: why it could not be started again on the same port, or nothing.
    """

    sent: float
    seconds: float | None = None
    status: int | None = None
    left: int = 0
    rebind: str = ""


class Log(Protocol):
    """Where what was seen is noted (a `Transcript`)."""

    facts: Counter[str]
    measures: list[Measure]
    stop: Stop | None


def operate(kind: str, watch: Watch, log: Log, seconds: float, fault: str) -> Generator[float, None, None]:
    """Carry out one operation and note what it shows; yields the seconds to wait."""
    match kind:
        case "measure" | "settle":
            first = log.measures[0].before if log.measures else watch.census()
            steps = _measure(watch, seconds) if kind == "measure" else _settle(watch, first, seconds)
            log.measures.append((yield from steps))
        case "term":
            log.stop = Stop(time.monotonic())
            watch.terminate()
        case "exit" if log.stop is not None:
            yield from _wait_for_exit(watch, log.stop, seconds)
        case "restart" if log.stop is not None and log.stop.seconds is not None:
            log.stop.rebind = watch.restart()
        case "freeze":
            log.facts["frozen"] += watch.freeze()
        case "thaw":
            watch.thaw()
        case "inject":
            watch.begin_faults(fault)
            while not watch.faulty():
                yield LOOK
        case "heal":
            log.facts["injected"] += watch.heal()


def settled(now: Census, base: Census) -> bool:
    """Whether a server holds no more than it did."""
    return (
        now.descriptors <= base.descriptors
        and now.threads <= base.threads
        and now.processes <= base.processes
        and now.zombies <= base.zombies
    )


def _measure(watch: Watch, seconds: float) -> Generator[float, None, Measure]:
    """Count, wait, count again; yields the seconds to wait."""
    start = time.monotonic()
    before = watch.census()
    if not seconds:
        return Measure(before, before, 0.0)
    yield seconds
    return Measure(before, watch.census(), time.monotonic() - start)


def _settle(watch: Watch, base: Census, seconds: float) -> Generator[float, None, Measure]:
    """Count until no more is held than `base`, at most so long."""
    start = time.monotonic()
    while not settled(now := watch.census(), base) and time.monotonic() - start < seconds:
        yield LOOK
    return Measure(base, now, time.monotonic() - start)


def _wait_for_exit(watch: Watch, stop: Stop, seconds: float) -> Generator[float, None, None]:
    """Wait until the server has ended, then up to two seconds for what is left of its tree."""
    deadline = time.monotonic() + seconds
    while (status := watch.status()) is None and time.monotonic() < deadline:
        yield LOOK
    if status is None:
        return
    stop.status = status
    stop.seconds = time.monotonic() - stop.sent
    deadline = time.monotonic() + 2.0
    while (left := watch.census().processes) and time.monotonic() < deadline:
        yield LOOK
    stop.left = left
