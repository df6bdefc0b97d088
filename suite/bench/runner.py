"""Measures targets against each other: all of a group alive on one processor, loaded in turn in short slices.

Rules of this file
- A ratio is taken within a cycle, in which every cell of a group has its slice; what drifts, a neighbour or a clock,
  touches both. The median of the cycles' ratios is told with its quartiles, and a winner only where the cycles agree.
- A group goes on until every ratio is clear or its time is up; nothing measured is left out, except the warm-up.
- A target that errs has no number. The others go on.
- A server that never rests is stopped (SIGSTOP) while others have their turn: it would take their processor.
"""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from suite import __version__
from suite.bench import figures
from suite.bench.dial import REFUSED
from suite.bench.generator import Generator, Wrong
from suite.bench.live import SLICE, Cell, Contender, Group, Live
from suite.bench.place import Pinning, environment, on
from suite.bench.results import (
    BenchEvent,
    BenchFinished,
    BenchStarted,
    Row,
    RowFinished,
    Step,
)
from suite.bench.rows import row_of
from suite.bench.watch import footprint
from suite.errors import HarnessError, TargetError
from suite.process import Server

__all__ = ("Cell", "Contender", "Group", "Runner")

EACH = 4
"""Messages that each client should have in a slice, at least; big ones make it longer."""
LONGEST_SLICE = 1.0
OPEN_SLICE = 0.5
"""Seconds of a slice with a schedule: tails want samples."""
WARM = 0.3
LEAST_CYCLES = 9
OVERTIME = 2.0
"""Times its seconds that a group may overdraw to have its least cycles."""
SHARE = 0.5
"""Of what the slowest target managed in a closed loop: the rate of an open one, where none is asked for."""


class Runner:
    """Runs groups one after the other.

    Args:
        pinning: processors of servers and generator.
        emit: is told what happens (`suite.bench.results`).
        seed: of what clients say.
        syscalls: count the servers' system calls, too, after the clock has stopped.
        least: cycles, at least.
        options: what else the report is to tell of how it was made.
    """

    def __init__(
        self,
        pinning: Pinning,
        emit: Callable[[BenchEvent], None],
        *,
        seed: int = 1,
        syscalls: bool = False,
        least: int = LEAST_CYCLES,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._pinning = pinning
        self._emit = emit
        self._seed = seed
        self._syscalls = syscalls
        self._least = least
        self._options = options or {}
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
            round(time.monotonic() - begun, 1), interrupted, code, self._options,
        )  # fmt: skip
        self._emit(finished)
        return finished

    def _group(self, group: Group) -> Iterator[Row]:
        lives = [
            Live(cell, f"{at} {cell.contender.name}", fault=cell.contender.fault) for at, cell in enumerate(group.cells)
        ]
        with ExitStack() as stack, Generator(self._pinning.generator) as generator:
            interrupted = False
            try:
                for live in lives:
                    self._guarded(live, self._ready, generator, stack)
                for live in lives:
                    self._guarded(live, Live.look_at_rest)
                self._schedule(lives)
                self._alternate(lives, generator, group.seconds)
                for live in lives if self._syscalls else ():
                    self._guarded(live, Live.count, generator)
                for live in lives:
                    self._guarded(live, Live.held, generator)
            except KeyboardInterrupt:
                interrupted = True
            for live in lives:
                yield row_of(live, lives[0], self._pinning.why)
            if interrupted:
                raise KeyboardInterrupt

    def _guarded(self, live: Live, step: Callable[..., None], *words: object) -> None:
        """Take a step with one cell; what goes wrong there is that cell's end only."""
        if live.fault:
            return
        try:
            step(live, *words)
        except Wrong as wrong:
            live.fault = str(wrong)
            self._wrong |= live.fault != REFUSED
            if live.server is not None and (status := live.status()) is not None:
                how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
                live.fault = f"the server {how}; {live.fault}"
        except TargetError as error:
            live.fault = str(error)
        except HarnessError as error:
            live.fault, live.fatal = str(error), False
        if live.fault and live.server is not None:
            live.pause(signal.SIGCONT)
            live.server.stop(grace=1.0)  # what spins or floods would cost the others

    def _ready(self, live: Live, generator: Generator, stack: ExitStack) -> None:
        contender, workload = live.cell.contender, live.cell.workload
        self._step(contender.name, f"starting {workload.name}")
        address = contender.address
        if address is None:
            with on(self._pinning.server):
                live.server = stack.enter_context(Server.start(contender.command))
            stack.callback(live.pause, signal.SIGCONT)  # else SIGTERM would not be heard
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

    def _schedule(self, lives: Sequence[Live]) -> None:
        """Give open cells without a rate the same one, which the slowest of them can keep."""
        able = [live.rate for live in lives if live.rate and not live.fault]
        for live in lives:
            if live.cell.workload.mode == "open":
                live.rate = live.cell.workload.rate or SHARE * min(able, default=0.0)

    def _alternate(self, lives: Sequence[Live], generator: Generator, seconds: float) -> None:
        end = time.monotonic() + seconds
        cycle = 0
        while any(not live.fault for live in lives):
            cycle += 1
            order = lives if cycle % 2 else lives[::-1]
            for live in order:
                self._guarded(live, Live.measure, generator, cycle)
            left = end - time.monotonic()
            self._step(lives[0].cell.contender.name, f"{lives[0].cell.workload.name}, cycle {cycle}", seconds - left)
            if left <= -OVERTIME * seconds or (cycle >= self._least and (left <= 0 or self._settled(lives))):
                return

    def _settled(self, lives: Sequence[Live]) -> bool:
        first = lives[0]
        if first.fault or len(lives) == 1:
            return True
        return all(
            figures.clear_of(
                [rate / first.rates[cycle] for cycle, rate in live.rates.items() if cycle in first.rates], live.cell.bar
            )
            for live in lives[1:]
            if not live.fault
        )

    def _exit(self, rows: Sequence[Row]) -> int:
        """Return 1 where a server did not do its work, 3 where one was not reached or nothing was measured, else 0."""
        if self._wrong or any(cell.fault for cell in self._cells):
            return 1
        done = [row.verdict == "MEASURED" for row in rows]
        unreached = any(row.verdict == "INVALID" for row in rows)
        return 3 if unreached or not any(done) else 0

    def _step(self, target: str, doing: str, done: float = 0.0) -> None:
        self._emit(Step(target, doing, self._done + max(0.0, done), self._total))
