"""What idle and active clients cost: processor time of the server per echo, over how many are connected."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from suite.bench.claims.judging import (
    INCONCLUSIVE,
    at_least,
    at_most,
    doubtful,
    net_slope,
    point,
    shown,
    slope,
    spread,
    worst,
)
from suite.bench.claims.lab import SPARE, Lab, Premise, Rig, Sample
from suite.bench.claims.trial import Finding, Trial
from suite.bench.findings import Plot, Series
from suite.bench.results import Workload

__all__ = ("TRIALS", "Costs", "epoll_active", "judge_active", "judge_scan", "scan_all")

GROWS = 0.7
FLAT = 0.15
"""Exponents: measured 0.9-1.3 for what scans and -0.05-0.05 for epoll; noise of a factor 1.5 at one end stays inside."""
FITTED = 100
"""Idle clients from which on the slope is fitted: with fewer, the echo itself outweighs the wait."""
SIZE = 64

Costs = Sequence[Mapping[int, float]]
"""Microseconds per echo by number of clients, for each cycle."""


def scan_all(
    lab: Lab,
    *,
    select: Sequence[int] = (0, 100, 300, 900),
    poll: Sequence[int] = (0, 100, 300, 1000, 3000, 9000),
    seconds: float = 0.2,
    least: int = 7,
    most: int = 21,
) -> Finding:
    """One active client beside ever more idle ones, on select and on poll."""
    costs: dict[str, list[dict[int, float]]] = {}
    for variant, counts in (("raw-select", select), ("raw-poll", poll)):
        costs[variant] = rows = []
        fitting = _fitting(lab, counts)
        with lab.load() as load:
            rigs = [load.add(variant, Workload(connections=1, size=SIZE, idle=idle)) for idle in fitting]
            for cycle in lab.cycles(rigs, seconds, least, most):
                rows.append(_row(fitting, cycle))
                if len(rows) >= least and judge_scan({variant: rows}).verdict != INCONCLUSIVE:
                    break
    return judge_scan(costs)


def judge_scan(costs: Mapping[str, Costs]) -> Finding:
    """Judge that the costs of all variants grow with the number of idle clients."""
    parts, verdicts = [], []
    figures: dict[str, object] = {}
    for variant, rows in costs.items():
        # The echo itself, the same with any number of idle clients, would hide the wait's growth where select ends.
        floor = spread([row[0] for row in rows]).median
        fitted = [{idle: cost for idle, cost in row.items() if idle >= FITTED} for row in rows]
        net = spread([net_slope(row, floor) for row in fitted])
        plain = spread([slope(row) for row in fitted])
        verdict = at_least(net, GROWS)
        verdicts.append(verdict)
        top = max(rows[0])
        highest = spread([row[top] for row in rows]).median
        parts.append(f"{variant} {floor:.0f} us of processor time per echo alone and {highest:.0f} us beside {top} idle clients, exponent {shown(net)}{doubtful(verdict)}")  # fmt: skip
        figures[variant] = {"net_exponent": asdict(net), "exponent": asdict(plain), "us_per_echo": _medians(rows)}
    return Finding(worst(verdicts), "; ".join(parts), figures, _plot("idle clients", costs))


def epoll_active(
    lab: Lab,
    *,
    idle: Sequence[int] = (0, 100, 1000, 9000),
    active: Sequence[int] = (1, 10, 100),
    beside: int = 900,
    seconds: float = 0.2,
    least: int = 7,
    most: int = 21,
) -> Finding:
    """One active client beside ever more idle ones, then ever more active ones beside the same idle ones, on epoll."""
    fitting = _fitting(lab, idle)
    with lab.load() as load:
        rigs = [load.add("raw-epoll", Workload(connections=1, size=SIZE, idle=count)) for count in fitting]
        resting = _until_clear(lab, rigs, fitting, seconds, least, most)
    with lab.load() as load:
        first = load.add("raw-epoll", Workload(connections=active[0], size=SIZE, idle=beside), room=sum(active[1:]))
        more = [load.more(first, Workload(connections=count, size=SIZE)) for count in active[1:]]
        busy = _until_clear(lab, [first, *more], active, seconds, least, most)
    return judge_active(resting, busy, beside)


def judge_active(resting: Costs, busy: Costs, beside: int) -> Finding:
    """Judge that an echo costs the same whatever number of clients are idle, and no more when many are active."""
    idle = spread([slope({count: cost for count, cost in row.items() if count >= FITTED}) for row in resting])
    active = spread([slope(row) for row in busy])
    verdict = worst([at_most(idle, FLAT), at_most(active, FLAT)])
    few, many = _medians(resting), _medians(busy)
    top, crowd = max(few), max(many)
    return Finding(
        verdict,
        f"an echo took {few[min(few)]:.0f} us of processor time alone and {few[top]:.0f} us beside {top} idle clients, exponent {shown(idle)}; beside {beside} idle clients {many[min(many)]:.0f} us with {min(many)} active and {many[crowd]:.0f} us with {crowd}, exponent {shown(active)}{doubtful(verdict)}",
        {"idle_exponent": asdict(idle), "active_exponent": asdict(active), "us_per_echo_idle": few, "us_per_echo_active": many},
        _plot("clients", {"1 active, x idle": resting, f"x active, {beside} idle": busy}),
    )  # fmt: skip


def _fitting(lab: Lab, counts: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of idle clients that the generator has descriptors for: all servers' are connected at once."""
    fitting: list[int] = []
    for count in counts:
        if sum(fitting) + count + 2 * len(counts) + SPARE > lab.descriptors:
            break
        fitting.append(count)
    if sum(count >= FITTED for count in fitting) < 2:
        wanted = sum(counts[: 1 + sum(count < FITTED for count in counts) + 1]) + 2 * len(counts) + SPARE
        raise Premise(f"{wanted} descriptors are needed and {lab.descriptors} allowed; raise `ulimit -Hn`")
    return tuple(fitting)


def _until_clear(lab: Lab, rigs: Sequence[Rig], counts: Sequence[int], seconds: float, least: int, most: int) -> list[dict[int, float]]:  # fmt: skip
    rows: list[dict[int, float]] = []
    for cycle in lab.cycles(rigs, seconds, least, most):
        rows.append(_row(counts, cycle))
        slopes = [slope({count: cost for count, cost in row.items() if count > 0}) for row in rows]
        if len(rows) >= least and at_most(spread(slopes), FLAT) != INCONCLUSIVE:
            break
    return rows


def _row(counts: Sequence[int], cycle: Sequence[Sample]) -> dict[int, float]:
    return {count: sample.cpu for count, sample in zip(counts, cycle, strict=True)}


def _medians(rows: Costs) -> dict[int, float]:
    return {count: round(spread([row[count] for row in rows]).median, 2) for count in rows[0]}


def _plot(x: str, costs: Mapping[str, Costs]) -> Plot:
    series = tuple(
        Series(name, tuple(point(count, [row[count] for row in rows]) for count in rows[0] if count > 0))
        for name, rows in costs.items()
    )
    return Plot(x, "microseconds of server processor time per echo", series, log_x=True, log_y=True)


TRIALS = (
    Trial(
        "scan-all",
        "Every wait of select and poll looks at all descriptors: each idle client makes every echo dearer.",
        f"server processor time per echo, less that of an echo with no idle client, grows at least with the power {GROWS} of the idle clients from {FITTED} on: 1 is in proportion; measured 0.9-1.3 on select up to 900 and poll up to 9000",
        "select(2) and poll(2) are handed the whole set for each call; The C10K problem (Kegel), on poll",
        scan_all,
        apart=True,
    ),
    Trial(
        "epoll-active",
        "epoll's cost follows the active clients, not those that are connected.",
        f"server processor time per echo grows at most with the power {FLAT} of the idle clients from {FITTED} on, and of the active ones beside the same idle ones: 0 is flat, and below 0 it falls; measured -0.05 to 0.05 over idle clients, -0.4 to -0.5 over active ones, whose waits are shared",
        "epoll(7): the kernel keeps the interest list, and a wait returns those that are ready",
        epoll_active,
        apart=True,
    ),
)
