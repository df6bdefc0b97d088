"""Measures targets against each other: all of a group alive on one processor, loaded in turn in short slices.

Rules of this file
- A ratio is taken within a cycle, in which every cell of a group has its slice; what drifts, a neighbour or a clock,
  touches both. The median of the cycles' ratios is told with its quartiles, and no winner where they straddle 1.
- A group goes on until every ratio is clear or its time is up; nothing measured is left out, except the warm-up.
- A target that errs has no number. The others go on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from suite import __version__
from suite.bench import figures
from suite.bench.dial import REFUSED
from suite.bench.generator import Generator, Slice, Wrong
from suite.bench.place import Pinning, environment, on
from suite.bench.results import (
    BenchEvent,
    BenchFinished,
    BenchStarted,
    Footprint,
    Ratio,
    Row,
    RowFinished,
    Step,
    Workload,
)
from suite.bench.watch import Usage, count_calls, footprint, usage
from suite.errors import HarnessError, TargetError
from suite.process import Server

__all__ = ("Cell", "Contender", "Group", "Runner")

SLICE = 0.15
"""Seconds: short, so that a cycle is over before the machine has changed."""
EACH = 4
"""Messages that each client should have in a slice, at least; big ones make it longer."""
LONGEST_SLICE = 1.0
OPEN_SLICE = 0.5
"""Seconds of a slice with a schedule: tails want samples."""
WARM = 0.3
LEAST_CYCLES = 9
OVERTIME = 2.0
"""Times its seconds that a group may overdraw to have its least cycles."""
DYING = 0.5
"""Seconds for a server that turned its clients away to be seen dead: its sockets close first."""
SHARE = 0.5
"""Of what the slowest target managed in a closed loop: the rate of an open one, where none is asked for."""
LIMITED = 0.9
"""Share of its processor from which on the generator, not the server, may set the pace."""
MISSED = 0.001
FAILED = 0.01
"""Shares of scheduled messages that left late from which on a row is marked, and from which on it says nothing."""


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
class _Live:
    """A cell being measured."""

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

    @property
    def pids(self) -> tuple[int, ...]:
        return () if self.server is None else self.server.tree()

    @property
    def rates(self) -> dict[int, float]:
        return {cycle: one.rate for cycle, one in self.slices.items()}


class Runner:
    """Runs groups one after the other.

    Args:
        pinning: processors of servers and generator.
        emit: is told what happens (`suite.bench.results`).
        seed: of what clients say.
        syscalls: count the servers' system calls, too, after the clock has stopped.
        least: cycles, at least.
    """

    def __init__(
        self,
        pinning: Pinning,
        emit: Callable[[BenchEvent], None],
        *,
        seed: int = 1,
        syscalls: bool = False,
        least: int = LEAST_CYCLES,
    ) -> None:
        self._pinning = pinning
        self._emit = emit
        self._seed = seed
        self._syscalls = syscalls
        self._least = least
        self._done = self._total = 0.0
        self._wrong = False

    def run(self, groups: Sequence[Group]) -> BenchFinished:
        """Measure; return, and tell, the report. Ctrl-C ends it early with what is known."""
        begun = time.monotonic()
        names = tuple(dict.fromkeys(cell.contender.name for group in groups for cell in group.cells))
        workloads = tuple(dict.fromkeys(cell.workload for group in groups for cell in group.cells))
        pinning, machine = self._pinning.as_dict(), environment()
        self._total = sum(group.seconds for group in groups)
        self._cells = [cell.contender for group in groups for cell in group.cells]
        self._emit(BenchStarted(names, workloads, pinning, machine))
        rows: list[Row] = []
        interrupted = False
        try:
            for group in groups:
                for row in self._group(group):
                    rows.append(row)
                    self._emit(RowFinished(row))
                self._done += group.seconds
        except KeyboardInterrupt:
            interrupted = True
        code = 130 if interrupted else self._exit(rows)
        finished = BenchFinished(
            "suite bench", __version__, names, tuple(rows), pinning, machine,
            round(time.monotonic() - begun, 1), interrupted, code,
        )  # fmt: skip
        self._emit(finished)
        return finished

    def _group(self, group: Group) -> Iterator[Row]:
        lives = [
            _Live(cell, f"{at} {cell.contender.name}", fault=cell.contender.fault)
            for at, cell in enumerate(group.cells)
        ]
        with ExitStack() as stack, Generator(self._pinning.generator) as generator:
            interrupted = False
            try:
                for live in lives:
                    self._guarded(live, self._ready, generator, stack)
                self._schedule(lives)
                self._alternate(lives, generator, group.seconds)
                for live in lives if self._syscalls else ():
                    self._guarded(live, _count, generator)
            except KeyboardInterrupt:
                interrupted = True
            for live in lives:
                yield self._row(live, lives[0])
            if interrupted:
                raise KeyboardInterrupt

    def _guarded(self, live: _Live, step: Callable[..., None], *words: object) -> None:
        """Take a step with one cell; what goes wrong there is that cell's end only."""
        if live.fault:
            return
        try:
            step(live, *words)
        except Wrong as wrong:
            live.fault = str(wrong)
            self._wrong |= live.fault != REFUSED
            if live.server is not None and (status := _status(live.server)) is not None:
                how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
                live.fault = f"the server {how}; {live.fault}"
        except TargetError as error:
            live.fault = str(error)
        except HarnessError as error:
            live.fault, live.fatal = str(error), False
        if live.fault and live.server is not None:
            live.server.stop(grace=1.0)  # what spins or floods would cost the others

    def _ready(self, live: _Live, generator: Generator, stack: ExitStack) -> None:
        contender, workload = live.cell.contender, live.cell.workload
        self._step(contender.name, f"starting {workload.name}")
        address = contender.address
        if address is None:
            with on(self._pinning.server):
                live.server = stack.enter_context(Server.start(contender.command))
            address = live.server.address
        generator.open(live.name, address, workload, self._seed)
        warm = generator.run(live.name, WARM)
        if workload.mode == "open":
            live.rate, live.seconds = warm.rate, OPEN_SLICE
        if workload.mode == "closed":
            wanted = EACH * workload.connections / max(1.0, warm.rate)
            live.seconds = min(LONGEST_SLICE, max(SLICE, wanted))
        live.footprint = footprint(live.pids) if live.server is not None else None
        if workload.idle:
            generator.hold(live.name, workload.idle)
            held = footprint(live.pids) if live.server is not None else None
            if (
                held is not None
                and held.pss is not None
                and live.footprint is not None
                and live.footprint.pss is not None
            ):
                held = replace(held, idle_connection=round((held.pss - live.footprint.pss) / workload.idle, 3))
            live.footprint = held
            generator.run(live.name, WARM)

    def _schedule(self, lives: Sequence[_Live]) -> None:
        """Give open cells without a rate the same one, which the slowest of them can keep."""
        able = [live.rate for live in lives if live.rate and not live.fault]
        for live in lives:
            if live.cell.workload.mode == "open":
                live.rate = live.cell.workload.rate or SHARE * min(able, default=0.0)

    def _alternate(self, lives: Sequence[_Live], generator: Generator, seconds: float) -> None:
        end = time.monotonic() + seconds
        cycle = 0
        while any(not live.fault for live in lives):
            cycle += 1
            order = lives if cycle % 2 else lives[::-1]
            for live in order:
                self._guarded(live, _slice, generator, cycle)
            left = end - time.monotonic()
            self._step(lives[0].cell.contender.name, f"{lives[0].cell.workload.name}, cycle {cycle}", seconds - left)
            if left <= -OVERTIME * seconds or (cycle >= self._least and (left <= 0 or self._settled(lives))):
                return

    def _settled(self, lives: Sequence[_Live]) -> bool:
        first = lives[0]
        if first.fault or len(lives) == 1:
            return True
        ratios = [figures.ratio(live.rates, first.rates, "", live.cell.bar) for live in lives[1:] if not live.fault]
        return all(one is not None and one.clear for one in ratios)

    def _row(self, live: _Live, first: _Live) -> Row:
        cell = live.cell
        workload = cell.workload
        if workload.mode == "open":
            workload = replace(workload, rate=live.rate)
        row = Row(cell.contender.name, workload, "MEASURED", footprint=live.footprint, syscalls=live.calls)
        if live.fault:
            return replace(row, verdict="INVALID" if live.fatal else "INCONCLUSIVE", reason=live.fault, footprint=None)
        slices = list(live.slices.values())
        if not slices:
            return replace(row, verdict="INCONCLUSIVE", reason="not measured: the run ended before")
        messages = sum(one.messages for one in slices)
        per = max(1, messages)
        client = sum(one.cpu for one in slices) / sum(one.seconds for one in slices)
        missed = sum(one.missed for one in slices) if workload.mode == "open" else None
        limited = client > LIMITED if missed is None else missed > MISSED * messages  # with a schedule it never sleeps
        compared: Ratio | None = None
        if live is not first and not first.fault and workload.mode != "open":
            same = live.cell.contender == first.cell.contender
            to = first.cell.contender.name if not same else first.cell.workload.name
            compared = figures.ratio(live.rates, first.rates, to, cell.bar)
        row = replace(
            row,
            messages=messages,
            seconds=round(sum(one.seconds for one in slices), 3),
            rate=figures.spread([one.rate for one in slices]),
            ratio=compared,
            latency=figures.latency(slices),
            client=round(client, 3),
            client_limited=limited,
            missed=missed,
            fairness=figures.fairness(slices),
        )
        if live.used:
            cpu = [live.used[cycle].cpu / max(1, live.slices[cycle].messages) * 1e6 for cycle in live.used]
            row = replace(
                row,
                cpu=figures.spread(cpu),
                switches=round(sum(used.switches for used in live.used.values()) / per, 3),
            )
        if self._pinning.why:
            return replace(row, verdict="INCONCLUSIVE", reason=self._pinning.why)
        if missed is not None and missed > FAILED * messages:
            why = f"the generator could not keep the schedule: {missed} of {messages} messages left late; a lower --rate may do"
            return replace(row, verdict="INCONCLUSIVE", reason=why)
        if limited:
            return replace(
                row, reason="client-limited: the generator used its whole processor; the server may do better"
            )
        return row

    def _exit(self, rows: Sequence[Row]) -> int:
        """Return 1 where a server did not do its work, 3 where one was not reached or nothing was measured, else 0."""
        if self._wrong or any(cell.fault for cell in self._cells):
            return 1
        done = [row.verdict == "MEASURED" for row in rows]
        unreached = any(row.verdict == "INVALID" for row in rows)
        return 3 if unreached or not any(done) else 0

    def _step(self, target: str, doing: str, done: float = 0.0) -> None:
        self._emit(Step(target, doing, self._done + max(0.0, done), self._total))


def _status(server: Server) -> int | None:
    deadline = time.monotonic() + DYING
    while (status := server.poll()) is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return status


def _slice(live: _Live, generator: Generator, cycle: int) -> None:
    pids = live.pids
    before = usage(pids)
    one = generator.run(live.name, live.seconds, live.rate)
    if live.server is not None:
        live.used[cycle] = usage(live.pids) - before
    live.slices[cycle] = one


def _count(live: _Live, generator: Generator) -> None:
    if live.server is None:
        return
    with count_calls(live.server) as calls:
        one = generator.run(live.name, max(0.5, live.seconds), live.rate)
    if calls and one.messages:
        # Those answered after the end of the slice were served under strace, too.
        messages = max(1, one.messages)
        live.calls = {name: round(count / messages, 3) for name, count in calls.items()}
        live.calls["all"] = round(sum(calls.values()) / messages, 3)
