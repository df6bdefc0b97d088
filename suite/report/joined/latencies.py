"""Latency distributions: from HdrHistogram's base64 to a curve over percentiles that are spread by their nines."""

import math
from collections.abc import Iterable

from hdrh.histogram import HdrHistogram

from suite.bench.results import Row
from suite.report.joined.curves import Dot
from suite.report.joined.figures import duration
from suite.report.joined.scales import Scale

__all__ = ("NINES", "TAIL", "axis", "curve", "nines")

TAIL = 10
"""Samples that must lie beyond a percentile before it is shown, as in `suite.bench.results.Latency`."""

NINES = ((50.0, "50 %"), (90.0, "90 %"), (99.0, "99 %"), (99.9, "99.9 %"), (99.99, "99.99 %"), (99.999, "99.999 %"))  # fmt: skip


def nines(percentile: float) -> float:
    """Return how many nines a percentile has: 0 for 0 %, 1 for 90 %, 2 for 99 %."""
    return -math.log10(1 - percentile / 100)


def axis(counts: Iterable[int]) -> Scale:
    """Return the axis of percentiles for as many samples as the largest count."""
    deepest = math.log10(max(1.1, max(counts, default=1) / TAIL))
    ticks = tuple((nines(at), label) for at, label in NINES if nines(at) <= deepest)
    return Scale(0, max(deepest, 1.0), log=False, ticks=ticks)


def curve(row: Row, points: int) -> tuple[list[Dot], str]:
    """Return a row's distribution as points (nines, microseconds), or none and the reason.

    Args:
        row: with or without latencies.
        points: how many a decade of percentiles.
    """
    if row.latency is None or not row.latency.histogram:
        return [], "no latencies recorded"
    try:
        histogram = HdrHistogram.decode(row.latency.histogram)
        count = histogram.get_total_count()
    except Exception:  # whatever base64, zlib, struct and the decoder's C raise about damaged text
        return [], "its histogram cannot be decoded"
    if count < 2 * TAIL:
        return [], f"only {count} samples"
    last = math.floor(math.log10(count / TAIL) * points)
    steps = [step / points for step in range(last + 1)]
    percents = [100 * (1 - 10**-step) for step in steps]
    values = [max(1.0, float(histogram.get_value_at_percentile(percent))) for percent in percents]
    told = zip(steps, percents, values, strict=True)
    return [Dot(step, value, tells=f"{percent:.4g} %: {duration(value)}") for step, percent, value in told], ""
