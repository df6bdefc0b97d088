"""Reports made up for the page: figures drawn from a seeded generator, measured nowhere."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hdrh.histogram import HdrHistogram

from suite.bench.findings import Claim, ClaimsFinished, Plot, Point, Series
from suite.bench.results import BenchFinished, Fairness, Footprint, Latency, Ratio, Row, Spread, Workload
from suite.report.as_json import check_data, target_data
from tests.report.samples import BAD, FEW, GONE

SERVERS = {  # made-up µs of processor time per message
    "uvloop-protocol": 8.9, "raw-epoll": 8.4, "raw-epoll-edge": 8.6, "raw-poll": 8.8, "raw-select": 8.7, "raw-uring": 9.7,
    "raw-thread": 23.0, "raw-fork": 25.0, "raw-prefork": 22.0, "raw-nonblocking": 12.0, "raw-iterative": 8.0,
    "twisted-epoll": 14.5, "twisted-poll": 15.2, "twisted-select": 15.1, "trio": 14.4, "raw-native": 8.0,
    "twisted-native": 19.0, "trio-native": 28.6, "twisted-wire": 19.2, "asyncio-streams": 16.1, "asyncio-protocol": 10.2,
    "gevent": 22.0, "socketserver-thread": 24.1,
}  # fmt: skip
WORKLOADS = (
    Workload(), Workload(size=64), Workload(size=65536), Workload(size=64, depth=16), Workload(mode="open", rate=20000.0),
    Workload(mode="churn"), Workload(connections=500, size=64), Workload(size=64, idle=1000), Workload(size=64, idle=9000),
)  # fmt: skip
MACHINE = {
    "python": "3.11.7",
    "implementation": "CPython",
    "system": "Linux",
    "kernel": "6.1.0",
    "machine": "x86_64",
    "cpus": 2,
}
PINNING = {"servers": [0], "generator": [1]}


def spread(middle: float, width: float = 0.04, count: int = 12) -> Spread:
    return Spread(middle, middle * (1 - width), middle * (1 + width * 0.8), count)


def latency(dice: random.Random, middle: float, count: int = 50000) -> Latency:
    histogram = HdrHistogram(1, 60_000_000, 3)
    for _ in range(min(count, 2000)):
        histogram.record_value(int(dice.lognormvariate(0, 0.35) * middle) + 1, max(1, count // 2000))
    kept = [name for name, share in (("50", 0.5), ("90", 0.1), ("99", 0.01), ("99.9", 0.001)) if count * share >= 10]
    values = {name: float(histogram.get_value_at_percentile(float(name))) for name in kept}
    return Latency(
        count, values, float(histogram.get_max_value()), histogram.encode().decode(), (middle * 2, middle * 3)
    )


def row(dice: random.Random, target: str, cost: float, workload: Workload, reference: str, base: float) -> Row:
    if workload.idle > 900 and target.endswith("select"):
        return Row(target, workload, "INVALID", "refused 100 of 1,050 clients: select cannot hold descriptor 1024")
    slower = 1 + workload.idle / 450 if target in ("raw-poll", "twisted-poll") else 1.0
    cost *= (
        slower
        * dice.uniform(0.95, 1.05)
        * {65536: 3.0}.get(workload.size, 1.0)
        * {"churn": 5.0}.get(workload.mode, 1.0)
    )
    rate = workload.rate if workload.rate and 1e6 / cost > workload.rate else 1e6 / cost
    ratio = None if target == reference else Ratio(reference, spread(base / cost), clear=abs(base / cost - 1) > 0.04)
    limited = cost < 9 and workload.mode == "closed"
    return Row(
        target, workload, "MEASURED", messages=int(rate * 3), seconds=3.0, rate=spread(rate), ratio=ratio,
        latency=latency(dice, cost * workload.connections / 2), cpu=spread(cost, 0.02), switches=0.3,
        client=0.96 if limited else 0.7, client_limited=limited, missed=12 if workload.mode == "open" else None,
        fairness=Fairness(0.998, 900, 1100, 0.0042),
        footprint=Footprint(8000.0, 6000.0, 1, 1, workload.connections + 8, cost / 5 if workload.idle else None),
        syscalls={"recv": 1.0, "send": 1.0, "epoll_wait": 0.1, "all": 2.1},
    )  # fmt: skip


def bench(
    servers: dict[str, float] = SERVERS, workloads: Sequence[Workload] = WORKLOADS, **changes: Any
) -> BenchFinished:
    dice, reference = random.Random(7), next(iter(servers), "")
    rows = []
    for workload in workloads:
        base = (
            servers[reference] * {65536: 3.0}.get(workload.size, 1.0) * {"churn": 5.0}.get(workload.mode, 1.0)
            if servers
            else 1
        )
        rows += [row(dice, target, cost, workload, reference, base) for target, cost in servers.items()]
    return replace(
        BenchFinished("suite bench", "0.1", tuple(servers), tuple(rows), PINNING, {**MACHINE, "date": "2026-01-31", "versions": {"trio": "0.27"}}, 321.0, interrupted=False, exit=0),
        **changes,
    )  # fmt: skip


def claims(**changes: Any) -> ClaimsFinished:
    poll = Plot(
        "idle connections", "µs of processor per echo",
        (
            Series("raw-poll", tuple(Point(n, 8 + n / 60, 7 + n / 70, 9 + n / 50) for n in (10, 100, 1000, 9000))),
            Series("raw-epoll", tuple(Point(n, 8.3, 8.0, 8.9) for n in (10, 100, 1000, 9000))),
        ),
        log_x=True, log_y=True,
    )  # fmt: skip
    memory = Plot("model", "KiB per client", (Series("private memory", (Point(0, 489, 470, 500), Point(1, 18.2, 17, 19), Point(2, 0.4))),), log_y=True, bars=True, labels=("raw-fork", "raw-thread", "raw-epoll"))  # fmt: skip
    both = Plot("clients", "share of one processor in %", (Series("idle", (Point(0, 99), Point(1, 0.1))), Series("busy", (Point(0, 99.5), Point(1, 97, 96, 98)))), bars=True, labels=("raw-nonblocking", "raw-epoll"))  # fmt: skip
    found = (
        Claim("poll-linear", "poll looks at every connection, however many are idle.", "PASS", "From 10 to 9,000 idle connections the cost of an echo grew 19 times on raw-poll and 1.0 times on raw-epoll.", "A slope of at least 0.7 on raw-poll and at most 0.15 on raw-epoll; a linear cost has slope 1.", {"slope_poll": 0.93, "slope_epoll": 0.004, "kept": [10, 100, 1000, 9000]}, poll, 31.0),
        Claim("process-memory", "A process per client costs far more memory than a thread.", "PASS", "27 times as much.", "Ten times.", {"ratio": 26.9}, memory, 12.0),
        Claim("busy-poll", "Polling without blocking burns a processor.", "INCONCLUSIVE", "The machine was busy with something else.", "At least 90 % of a processor without any client.", {}, both, 9.0),
        Claim("fork-slower", "Starting a process per client is slower than starting a thread.", "FAIL", "1.02 times as many connections a second [0.97, 1.10].", "A ratio above 1 with its whole interval.", {"ratio": 1.02}, None, 8.0),
        Claim("uring-faster", "io_uring is faster than epoll.", "REPORTED", "0.91 times the rate [0.87, 0.99].", "None by design: in Python loopback TCP itself is the cost.", {"ratio": 0.91}, None, 8.0),
    )  # fmt: skip
    return replace(
        ClaimsFinished("suite", "0.1", found, PINNING, dict(MACHINE), 70.0, interrupted=False, exit=1), **changes
    )


def check(targets: Sequence[Any] = (BAD, FEW, GONE)) -> dict[str, Any]:
    return {
        "format": 1, "tool": "suite", "version": "0.1", "seed": 42, "profile": "quick", "service": "echo",
        "targets": [target_data(target) | {"checks": [check_data(result) for result in target.checks]} for target in targets],
        "stale": [], "environment": {**MACHINE, "load": [0.1, 0.2, 0.3]}, "exit": 1,
    }  # fmt: skip


def save(path: Path, report: Any) -> Path:
    path.write_text(json.dumps(report if isinstance(report, dict) else asdict(report)))
    return path
