"""From what was measured of a cell to its row, and what the row may claim."""

from dataclasses import replace

from suite.bench import figures
from suite.bench.live import Live
from suite.bench.results import Ratio, Row

__all__ = ("row_of",)

PACING = 0.5
"""Share of its processor from which on the generator may have a part in the pace."""
LIMITED = 0.9
"""Share of its processor from which on the generator, not the server, may set the pace."""
MISSED = 0.001
FAILED = 0.01
"""Shares of scheduled messages that left late from which on a row is marked, and from which on it says nothing."""


def row_of(live: Live, first: Live, unpinned: str) -> Row:
    """Return the row of a cell.

    Args:
        live: the cell.
        first: the one that the others of its group are compared with.
        unpinned: why nothing can be compared on this machine; empty if it can.
    """
    workload = live.cell.workload
    if workload.mode == "open":
        workload = replace(workload, rate=live.rate)
    row = Row(live.cell.contender.name, workload, "MEASURED", footprint=live.footprint, syscalls=live.calls)
    if live.fault:
        return replace(
            row, verdict="INVALID" if live.fatal else "INCONCLUSIVE", reason=live.fault, footprint=None, syscalls=None
        )
    slices = list(live.slices.values())
    messages = sum(one.messages for one in slices)
    if not messages:
        return replace(row, verdict="INCONCLUSIVE", reason="not measured: the run ended before")
    missed = sum(one.missed for one in slices) if workload.mode == "open" else None
    limited = live.client > LIMITED if missed is None else missed > MISSED * messages  # with a schedule it never sleeps
    compared, work = (None, None) if workload.mode == "open" else _compared(live, first)
    row = replace(
        row,
        messages=messages,
        seconds=round(sum(one.seconds for one in slices), 3),
        rate=figures.spread([one.rate for one in slices]),
        ratio=compared,
        work=work,
        latency=figures.latency(slices),
        client=round(live.client, 3),
        client_limited=limited,
        missed=missed,
        fairness=figures.fairness(slices),
    )
    if live.used:
        cpu = [used.cpu / max(1, live.slices[cycle].messages) * 1e6 for cycle, used in live.used.items()]
        switches = round(sum(used.switches for used in live.used.values()) / messages, 3)
        row = replace(row, cpu=figures.spread(cpu), switches=switches)
    verdict, reason = _doubt(live, unpinned, messages, missed, limited)
    return replace(row, verdict=verdict, reason=reason)


def _compared(live: Live, first: Live) -> tuple[Ratio | None, Ratio | None]:
    """Compare the rates, and the messages per second of processor time, which no generator limits."""
    if live is first or first.fault:
        return None, None
    same = live.cell.contender == first.cell.contender
    to = first.cell.workload.name if same else first.cell.contender.name
    rate, work = figures.ratio(live.rates, first.rates, to), figures.ratio(live.works, first.works, to)
    if rate is None:
        return None, None
    agree = work is not None and work.clear and (rate.spread.median > 1) == (work.spread.median > 1)
    started = live.server is not None and first.server is not None
    if not started or (max(live.client, first.client) > PACING and not agree):
        rate = replace(rate, clear=False)
    return rate, work


def _doubt(live: Live, unpinned: str, messages: int, missed: int | None, limited: bool) -> tuple[str, str]:
    """Return a row's verdict, and what limits what it says."""
    if unpinned:
        return "INCONCLUSIVE", unpinned
    if missed is not None and missed > FAILED * messages:
        why = f"the generator could not keep the schedule: {missed} of {messages} messages left late; a lower --rate may do"
        return "INCONCLUSIVE", why
    if missed is not None and limited:
        return "MEASURED", f"client-limited: {missed} of {messages} messages left late, as their latencies tell"
    if live.server is None:
        return "MEASURED", "not started by suite: neither pinned nor observed, so there is no winner"
    if limited:
        return "MEASURED", "client-limited: the generator used its whole processor; the server may do better"
    return "MEASURED", ""
