"""From slices to figures: medians, quartiles, ratios of cycles, percentiles, fairness."""

import statistics
from collections.abc import Mapping, Sequence

from suite.bench.generator import Slice
from suite.bench.results import Fairness, Latency, Ratio, Spread

__all__ = ("HIGHEST", "clear_of", "fairness", "latency", "ratio", "spread")

HIGHEST = 100_000_000
"""Microseconds that a histogram can hold; its three digits keep a thousandth."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
BEYOND = 10
"""Samples that must lie beyond a percentile for it to be told."""


def spread(values: Sequence[float]) -> Spread | None:
    """Return the median and the quartiles; None of nothing."""
    if not values:
        return None
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(middle, low, high, len(values))


def clear_of(of: Spread, bar: float) -> bool:
    """Whether the quartiles lie on one side of a bar."""
    return of.q1 > bar or of.q3 < bar


def ratio(rates: Mapping[int, float], others: Mapping[int, float], to: str, bar: float = 1.0) -> Ratio | None:
    """Compare two targets cycle by cycle: what drifts from cycle to cycle touches both."""
    of = spread([rates[cycle] / others[cycle] for cycle in rates if others.get(cycle)])
    return None if of is None else Ratio(to, of, clear_of(of, bar))


def latency(slices: Sequence[Slice]) -> Latency | None:
    """Merge the histograms of slices; percentiles are never averaged."""
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415 - who only lists the claims does without

    whole = HdrHistogram(1, HIGHEST, 3)
    ninety_nine = []
    for one in slices:
        histogram = HdrHistogram.decode(one.histogram)
        whole.add(histogram)
        if histogram.total_count >= 100 * BEYOND:
            ninety_nine.append(float(histogram.get_value_at_percentile(99.0)))
    count = whole.total_count
    if not count:
        return None
    percentiles = {
        f"{percent:g}": float(whole.get_value_at_percentile(percent))
        for percent in PERCENTILES
        if count * (100 - percent) / 100 >= BEYOND
    }
    highest = max(one.highest for one in slices) * 1e6
    return Latency(count, percentiles, round(highest, 1), whole.encode().decode(), tuple(sorted(ninety_nine)))


def fairness(slices: Sequence[Slice]) -> Fairness | None:
    """Return how evenly clients were served in all slices; None where they do not stay (churn).

    Jain, Chiu and Hawe, DEC-TR-301 (1984): (sum x)^2 / (n * sum x^2).
    """
    counts = [sum(of_client) for of_client in zip(*(one.counts for one in slices), strict=True)]
    squares = len(counts) * sum(count * count for count in counts)
    if not squares:
        return None
    return Fairness(round(sum(counts) ** 2 / squares, 4), min(counts), max(counts), max(one.highest for one in slices))
