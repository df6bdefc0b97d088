"""From slices to figures: medians, quartiles, ratios of cycles, percentiles, fairness."""

import statistics
from collections.abc import Mapping, Sequence

from suite.bench.generator import Slice
from suite.bench.results import Fairness, Latency, Ratio, Spread

__all__ = ("HIGHEST", "clear_of", "fairness", "latency", "ratio", "spread")

HIGHEST = 100_000_000
"""Microseconds that a histogram can hold; its three digits keep a thousandth."""
PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
AGREED = 0.9
ENOUGH = 5
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


def clear_of(ratios: Sequence[float], bar: float) -> bool:
    """Whether the cycles agree on which side of a bar a ratio lies: nine tenths of them, and five at least.

    Quartiles on one side would be too little: of two runs of one and the same server every fifth would have a winner.
    """
    above = sum(ratio > bar for ratio in ratios)
    return len(ratios) >= ENOUGH and max(above, len(ratios) - above) >= AGREED * len(ratios)


def ratio(rates: Mapping[int, float], others: Mapping[int, float], to: str) -> Ratio | None:
    """Compare two targets cycle by cycle: what drifts from cycle to cycle touches both."""
    ratios = [rates[cycle] / others[cycle] for cycle in rates if others.get(cycle)]
    of = spread(ratios)
    return None if of is None else Ratio(to, of, clear_of(ratios, 1.0))


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
        if round(count * (100 - percent) / 100, 6) >= BEYOND
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
