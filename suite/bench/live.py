"""One cell being measured: its server, its slices, and what they cost."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field

from suite.bench.generator import Generator, Slice
from suite.bench.results import Footprint, Workload
from suite.bench.watch import Usage, count_calls, usage
from suite.process import Server

__all__ = ("SLICE", "Cell", "Contender", "Group", "Live")

SLICE = 0.15
"""Seconds: short, so that a cycle is over before the machine has changed."""
RESTLESS = 0.2
"""Share of a processor that a server takes at rest from which on it disturbs the others."""
REST = 0.1
DYING = 0.5
"""Seconds for a server that turned its clients away to be seen dead: its sockets close first."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Who is measured: a command that suite starts, or an address where something listens.

    Attributes:
        name: as the user called it.
        command: words with `{host}` and `{port}`; empty for an address.
        address: host and port, where there is no command.
        fault: why it must not be measured; empty if nothing is known against it.
    """

    name: str
    command: tuple[str, ...] = ()
    address: tuple[str, int] | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender under one workload; `bar` is what its ratio to the first cell has to be clear of."""

    contender: Contender
    workload: Workload
    bar: float = 1.0


@dataclass(frozen=True, slots=True)
class Group:
    """Cells that alternate; ratios are to the first. `seconds` bounds it."""

    cells: tuple[Cell, ...]
    seconds: float


@dataclass(slots=True)
class Live:
    """A cell being measured.

    Attributes:
        cell: who, and under which workload.
        name: what the generator calls it.
        fault: why it is not measured any more; `fatal` if that is the server's doing.
        slices, used: what each cycle gave, and what it cost the server.
        calls: system calls per message.
        seconds: of a slice.
        rate: of an open loop, messages a second.
        restless: it takes the processor even at rest.
    """

    cell: Cell
    name: str
    server: Server | None = None
    fault: str = ""
    fatal: bool = True
    slices: dict[int, Slice] = field(default_factory=dict)
    used: dict[int, Usage] = field(default_factory=dict)
    footprint: Footprint | None = None
    calls: dict[str, float] | None = None
    seconds: float = SLICE
    rate: float | None = None
    restless: bool = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The live processes of its server; none where suite did not start it."""
        return () if self.server is None else self.server.tree()

    @property
    def rates(self) -> dict[int, float]:
        """Messages a second, by cycle."""
        return {cycle: one.rate for cycle, one in self.slices.items()}

    @property
    def works(self) -> dict[int, float]:
        """Messages per second of its processor time, by cycle."""
        return {cycle: self.slices[cycle].messages / used.cpu for cycle, used in self.used.items() if used.cpu > 0}

    @property
    def client(self) -> float:
        """Share of its processor that the generator used."""
        return sum(one.cpu for one in self.slices.values()) / (sum(one.seconds for one in self.slices.values()) or 1)

    def status(self) -> int | None:
        """Return the exit status of a server that has died, or is about to; None if it lives or is not ours."""
        deadline = time.monotonic() + DYING
        while self.server is not None and (status := self.server.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.005)
        return status if self.server is not None else None

    def look_at_rest(self) -> None:
        """See whether the server takes the processor although nobody asks anything of it."""
        if self.server is not None:
            before, begun = usage(self.pids), time.monotonic()
            time.sleep(REST)
            self.restless = (usage(self.pids) - before).cpu > RESTLESS * (time.monotonic() - begun)
            self.pause(signal.SIGSTOP)

    def pause(self, number: int) -> None:
        """Stop a restless server (SIGSTOP), or let it go on (SIGCONT)."""
        if self.restless:
            for pid in self.pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def measure(self, generator: Generator, cycle: int) -> None:
        """Take one slice.

        Raises:
            Wrong: the server did not do its work.
            HarnessError: the generator failed.
        """
        self.pause(signal.SIGCONT)
        before = usage(self.pids)
        one = generator.run(self.name, self.seconds, self.rate)
        if self.server is not None:
            self.used[cycle] = usage(self.pids) - before
        self.pause(signal.SIGSTOP)
        self.slices[cycle] = one

    def count(self, generator: Generator) -> None:
        """Count the server's system calls over one more slice; nothing of it is timed."""
        if self.server is None:
            return
        self.pause(signal.SIGCONT)
        with count_calls(self.server) as calls:
            one = generator.run(self.name, max(0.5, self.seconds), self.rate)
        if calls and one.messages:
            self.calls = {name: round(count / one.messages, 3) for name, count in calls.items()}
            self.calls["all"] = round(sum(calls.values()) / one.messages, 3)
        self.pause(signal.SIGSTOP)

    def held(self, generator: Generator) -> None:
        """See that the idle clients are connected still.

        Raises:
            Wrong: some are not.
        """
        if self.cell.workload.idle:
            generator.held(self.name)
