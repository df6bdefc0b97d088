"""Two servers in turns: fork against threads, edge against level, io_uring against epoll; and how the edge tells."""

import select
import socket
from collections.abc import Sequence
from dataclasses import asdict

from suite.bench.claims.judging import FAIL, INCONCLUSIVE, PASS, REPORTED, at_least, doubtful, point, shown, spread
from suite.bench.claims.lab import Lab, Sample
from suite.bench.claims.trial import Finding, Trial
from suite.bench.findings import Plot, Point, Series
from suite.bench.results import Workload

__all__ = ("TRIALS", "edge_speed", "fork_cost", "judge_fork", "level_edge", "uring_epoll")

Turns = Sequence[Sequence[Sample]]
"""Samples of two servers, cycle by cycle."""


def _plot(variants: Sequence[str], rows: Turns, y: str) -> Plot:
    rates = [[row[index].rate for row in rows] for index in range(len(variants))]
    return Plot(
        "variants", y, (Series("rate", tuple(point(index, values) for index, values in enumerate(rates))),),
        bars=True, labels=tuple(variants),
    )  # fmt: skip


def fork_cost(lab: Lab, *, seconds: float = 0.4, least: int = 9, most: int = 21) -> Finding:
    """Let clients connect, ask once and leave, twenty at once, now at one server and now at the other."""
    workload = Workload(mode="churn", connections=20, size=64)
    rows: list[tuple[Sample, ...]] = []
    with lab.load() as load:
        rigs = [load.add(variant, workload) for variant in ("raw-thread", "raw-fork")]
        for cycle in lab.cycles(rigs, seconds, least, most):
            rows.append(cycle)
            if len(rows) >= least and judge_fork(rows).verdict != INCONCLUSIVE:
                break
    return judge_fork(rows)


def judge_fork(rows: Turns) -> Finding:
    """Judge that the first, which starts threads, takes more connections a second than the second, which forks."""
    ratio = spread([thread.rate / fork.rate for thread, fork in rows])
    verdict = at_least(ratio, 1.0)
    thread, fork = (spread([row[index].rate for row in rows]).median for index in (0, 1))
    costs = [spread([row[index].cpu for row in rows]).median for index in (0, 1)]
    return Finding(
        verdict,
        f"raw-thread served {thread:,.0f} connections a second and raw-fork {fork:,.0f}, for {costs[0]:.0f} and {costs[1]:.0f} us of processor time each; thread to fork {shown(ratio, '.1f')}{doubtful(verdict)}",
        {"ratio": asdict(ratio), "us_per_connection": {"raw-thread": costs[0], "raw-fork": costs[1]}},
        _plot(("raw-thread", "raw-fork"), rows, "connections a second"),
    )  # fmt: skip


def level_edge(_lab: Lab) -> Finding:
    """Read half of what is there, twice over, and see what epoll says in between."""
    told = {name: _second_wait(mode) for name, mode in (("level", 0), ("edge", select.EPOLLET))}
    wanted = {"level": (True, True, True), "edge": (True, False, True)}
    faults = [f"{name}-triggered: {found}, not {wanted[name]}" for name, found in told.items() if found != wanted[name]]
    when = ("on arrival", "with half of it unread", "when more arrives")
    return Finding(
        FAIL if faults else PASS,
        "; ".join(faults)
        or "with 4 of 8 bytes left unread a level-triggered wait told of them again and an edge-triggered one did not, until more came",
        {name: dict(zip(when, found, strict=True)) for name, found in told.items()},
        Plot(
            "waits", "told that there is input (1) or not (0)",
            tuple(Series(name, tuple(Point(index, float(one)) for index, one in enumerate(found))) for name, found in told.items()),
            bars=True, labels=when,
        ),
    )  # fmt: skip


def _second_wait(mode: int) -> tuple[bool, bool, bool]:
    """Say whether epoll tells of input: when 8 bytes come, when 4 have been read, when more come."""
    ours, theirs = socket.socketpair()
    with ours, theirs, select.epoll() as epoll:
        epoll.register(ours, select.EPOLLIN | mode)
        theirs.send(bytes(8))
        first = bool(epoll.poll(5))
        ours.recv(4)
        # On a socketpair the bytes are there when send returns: no need to wait for a wait that tells nothing.
        second = bool(epoll.poll(0))
        theirs.send(bytes(8))
        return first, second, bool(epoll.poll(5))


def edge_speed(lab: Lab, *, seconds: float = 0.2, cycles: int = 15) -> Finding:
    """Load both drivers in turns."""
    return _reported(lab, "raw-epoll-edge", "raw-epoll", seconds, cycles)


def uring_epoll(lab: Lab, *, seconds: float = 0.2, cycles: int = 15) -> Finding:
    """Load both drivers in turns, if this machine and this version have both."""
    return _reported(lab, "raw-uring", "raw-epoll", seconds, cycles)


def _reported(lab: Lab, one: str, other: str, seconds: float, cycles: int) -> Finding:
    workload = Workload(connections=50, size=1024)
    with lab.load() as load:
        rigs = [load.add(variant, workload) for variant in (one, other)]
        # A fixed number: to go on until there is a winner is to find one.
        rows = list(lab.cycles(rigs, seconds, cycles, cycles))
    ratio = spread([mine.rate / theirs.rate for mine, theirs in rows])
    cost = spread([mine.cpu / theirs.cpu for mine, theirs in rows])
    clear = "" if ratio.q1 > 1 or ratio.q3 < 1 else ", so neither is faster here"
    return Finding(
        REPORTED,
        f"{one} echoed {shown(ratio)} times as many messages a second as {other}{clear}, for {shown(cost)} times the processor time each ({workload.connections} clients, 1 KiB)",
        {"rate_ratio": asdict(ratio), "cpu_ratio": asdict(cost)},
        _plot((one, other), rows, "messages a second"),
    )  # fmt: skip


TRIALS = (
    Trial(
        "fork-cost",
        "To start a process for a connection costs more than to start a thread.",
        "in alternating slices raw-thread serves more connections a second than raw-fork, the quartiles of the ratio above 1: two servers that cost the same lie on both sides of it",
        "fork(2) copies page tables and descriptors, pthread_create(3) shares them",
        fork_cost,
        apart=True,
    ),
    Trial(
        "level-edge",
        "What was not read is told of again by a level-triggered wait, and not by an edge-triggered one.",
        "on a socketpair with half of the bytes read: told on the second wait with EPOLLIN, not told with EPOLLET, told by both when more comes",
        "epoll(7), level-triggered and edge-triggered: the example with 2 kB written and 1 kB read",
        level_edge,
    ),
    Trial(
        "edge-speed",
        "Edge-triggered epoll is faster than level-triggered.",
        "none, on purpose: it depends on how much is read at once, and no source gives a figure",
        "said of EPOLLET in many tutorials; epoll(7) only calls it an option",
        edge_speed,
        apart=True,
    ),
    Trial(
        "uring-epoll",
        "io_uring is faster than epoll.",
        "none, on purpose: over loopback TCP itself is most of the cost, and a well-known figure of 99 % was a fault of the tool that measured it",
        "said of io_uring in many announcements; io_uring(7) promises fewer system calls",
        uring_epoll,
        apart=True,
    ),
)
