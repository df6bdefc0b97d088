"""Never waiting: what it costs to ask again and again, and that it serves all the same."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from suite import registry
from suite.bench.claims.judging import FAIL, PASS, at_least, at_most, doubtful, point, shown, spread, worst
from suite.bench.claims.lab import SPARE, Fault, Lab, Premise
from suite.bench.claims.trial import Finding, Trial
from suite.bench.findings import Plot, Series
from suite.bench.results import Workload
from suite.process import Server

__all__ = ("TRIALS", "busy_poll", "judge_rest", "polling_serves")

BURNS = 0.9
RESTS = 0.01
"""Shares of a processor: it is all or nothing, and a tenth is left to others' interrupts."""
POLLS = "raw-nonblocking"
TO_BE_HAD = 0.05
"""Share of a slice for which the processor must be to be had, for the slice to count."""
FEWEST = 3
"""Slices that must count."""


def busy_poll(lab: Lab, *, waiting: Sequence[str] = (), seconds: float = 0.5, slices: int = 5) -> Finding:
    """Leave servers alone, without a client; first all those that wait, at once, then the one that polls.

    Args:
        lab: where.
        waiting: variants that wait; all of ours by default.
        seconds: of a slice.
        slices: how many.
    """
    names = waiting or [row.name for row in registry.own() if not row.capabilities.polls and not row.unavailable()]
    shares: dict[str, list[float]] = {}
    for group in (names, [POLLS]):
        with ExitStack() as stack:
            servers = {name: stack.enter_context(lab.server(name)) for name in group}
            shares |= _shares(servers, seconds, slices)
    return judge_rest(shares)


def _shares(servers: Mapping[str, Server], seconds: float, slices: int) -> dict[str, list[float]]:
    trees = {name: server.tree() for name, server in servers.items()}
    shares: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(slices + 1):
        before, begun = {name: _scheduled(name, pids) for name, pids in trees.items()}, time.monotonic()
        time.sleep(seconds)
        lasted = time.monotonic() - begun
        for name, pids in trees.items():
            used, queued = (b - a for a, b in zip(before[name], _scheduled(name, pids), strict=True))
            # While others had the processor, this one could not: only the time that it was to be had counts. The first
            # slice does not: some servers import or tidy up after they have begun to listen.
            had = lasted - queued
            if number and had >= TO_BE_HAD * lasted:
                shares[name].append(used / had)
    for name, values in shares.items():
        if len(values) < min(slices, FEWEST):
            raise Premise(f"others had the processor that {name} could have had, {slices - len(values)} times of {slices}")  # fmt: skip
    return shares


def _scheduled(name: str, pids: Sequence[int]) -> tuple[float, float]:
    """Return seconds run and seconds waited for a processor, of all threads (sched-stats, in the kernel's documentation)."""
    used = queued = 0
    try:
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                run, delay, _ = (task / "schedstat").read_text(encoding="ascii").split()
                used += int(run)
                queued += int(delay)
    except OSError:
        raise Premise(f"the processor time of {name} cannot be read, or it has ended") from None
    return used / 1e9, queued / 1e9


def judge_rest(shares: Mapping[str, Sequence[float]]) -> Finding:
    """Judge that what polls takes a whole processor at rest, and everything else next to nothing."""
    found = {name: spread(values) for name, values in shares.items()}
    burning = found.pop(POLLS)
    verdicts = {name: at_most(rest, RESTS) for name, rest in found.items()}
    verdict = worst([at_least(burning, BURNS), *verdicts.values()])
    most = max(found, key=lambda name: found[name].median)
    restless = [f"{name} took {shown(found[name], '.1%')}" for name, one in verdicts.items() if one != PASS]
    return Finding(
        verdict,
        f"without a client {POLLS} took {shown(burning, '.0%')} of the processor that it could have, and none of {len(found)} variants that wait more than {found[most].median:.2%} ({most})"
        + "".join(f"; {fault}" for fault in restless) + doubtful(verdict),
        {name: asdict(rest) for name, rest in {POLLS: burning, **found}.items()},
        Plot(
            "variants at rest", "share of a processor",
            (Series("at rest", tuple(point(index, shares[name]) for index, name in enumerate(shares))),),
            bars=True, labels=tuple(shares),
        ),
    )  # fmt: skip


def polling_serves(lab: Lab, *, clients: int = 300, seconds: float = 0.3, cycles: int = 5) -> Finding:
    """Load the server that polls with many active clients, beside raw-epoll with as many."""
    lab.room(2 * clients + SPARE)
    workload = Workload(connections=clients, size=64)
    try:
        with lab.load() as load:
            rigs = [load.add(variant, workload) for variant in (POLLS, "raw-epoll")]
            rows = list(lab.cycles(rigs, seconds, cycles, cycles))
    except Fault as fault:
        if fault.variant != POLLS:
            raise
        return Finding(FAIL, f"with {clients} clients {fault}")
    ratio = spread([mine.rate / other.rate for mine, other in rows])
    cost = spread([mine.cpu / other.cpu for mine, other in rows])
    rates = [[row[index].rate for row in rows] for index in (0, 1)]
    return Finding(
        PASS,  # a client that is not answered, or with others' bytes, is a Fault
        f"{POLLS} answered all {clients} clients, {spread(rates[0]).median:,.0f} messages a second: {shown(ratio)} times raw-epoll's rate, for {shown(cost)} times the processor time each",
        {"clients": clients, "rate_ratio": asdict(ratio), "cpu_ratio": asdict(cost)},
        Plot(
            f"{clients} clients", "messages a second",
            (Series("rate", tuple(point(index, values) for index, values in enumerate(rates))),),
            bars=True, labels=(POLLS, "raw-epoll"),
        ),
    )  # fmt: skip


TRIALS = (
    Trial(
        "busy-poll",
        "Polling non-blocking sockets burns a processor while nobody says anything; whatever waits takes none.",
        f"at rest at least {BURNS:.0%} of the processor for what polls, and at most {RESTS:.0%} for every variant that waits: it is all or nothing, so a round number near each end",
        "fcntl(2), O_NONBLOCK: what would wait fails with EAGAIN, so whoever wants to know asks again",
        busy_poll,
    ),
    Trial(
        "polling-serves",
        "Polling non-blocking sockets serves many clients in one process and thread.",
        "every one of 300 active clients gets its own bytes back",
        "the tutorials' first single-process server for many; its price is the claim busy-poll",
        polling_serves,
    ),
)
