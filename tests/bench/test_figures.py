"""Figures, against values worked out by hand."""

import pytest
from hdrh.histogram import HdrHistogram

from suite.bench import figures
from suite.bench.generator import Slice
from suite.bench.results import Spread


def slice_of(micros: dict[int, int], counts: list[int], highest: float = 0.0) -> Slice:
    histogram = HdrHistogram(1, 100_000_000, 3)
    for value, count in micros.items():
        histogram.record_value(value, count)
    return Slice(sum(counts), 0.5, histogram.encode().decode(), highest, counts, 0, 0.1)


def test_quartiles_are_those_of_the_values() -> None:
    assert figures.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == Spread(3.0, 2.0, 4.0, 5)
    assert figures.spread([7.0]) == Spread(7.0, 7.0, 7.0, 1)
    assert figures.spread([]) is None


def test_a_ratio_is_taken_within_each_cycle() -> None:
    # The machine slowed down to a half after the third cycle; each cycle says 2 all the same.
    found = figures.ratio(
        dict(enumerate([40.0, 40.0, 40.0, 20.0, 20.0])), dict(enumerate([20.0, 20.0, 20.0, 10.0, 10.0])), "other"
    )
    assert found is not None
    assert (found.to, found.spread, found.clear) == ("other", Spread(2.0, 2.0, 2.0, 5), True)


def test_cycles_that_one_side_missed_are_left_out() -> None:
    found = figures.ratio({1: 3.0, 3: 5.0}, {1: 3.0, 2: 9.0}, "other")
    assert found is not None
    assert found.spread == Spread(1.0, 1.0, 1.0, 1)
    assert figures.ratio({1: 3.0}, {2: 9.0}, "other") is None


@pytest.mark.parametrize(
    ("ratios", "bar", "clear"),
    [
        ((1.1,) * 9 + (0.9,), 1.0, True),  # nine of ten
        ((1.1,) * 8 + (0.9,) * 2, 1.0, False),
        ((0.9,) * 9 + (1.1,), 1.0, True),
        ((1.1,) * 5, 1.0, True),
        ((1.1,) * 4, 1.0, False),  # too few to agree
        ((1.1,) * 5, 1.2, True),  # clear of the bar, though on its wrong side
        ((1.1,) * 5 + (1.3,) * 5, 1.2, False),
        ((), 1.0, False),
    ],
)
def test_there_is_no_winner_unless_the_cycles_agree(ratios: tuple[float, ...], bar: float, clear: bool) -> None:
    assert figures.clear_of(ratios, bar) is clear


def test_percentiles_come_from_the_merged_samples_and_only_where_ten_lie_beyond() -> None:
    # 990 of 10 µs and 10 of 1000 µs: one in a hundred. Averaging each slice's percentile would say otherwise.
    found = figures.latency([slice_of({10: 990}, [990], 0.00001), slice_of({1000: 10}, [10], 0.001)])
    assert found is not None
    assert found.count == 1000
    assert found.percentiles == {"50": 10.0, "90": 10.0, "99": 10.0}  # 99.9 has one sample beyond it
    assert found.highest == 1000.0
    assert found.slices == ()  # neither slice has a thousand samples
    whole = HdrHistogram.decode(found.histogram)
    assert (whole.total_count, whole.get_value_at_percentile(99.95)) == (1000, 1000)
    assert figures.latency([slice_of({}, [0])]) is None


def test_a_slice_with_enough_samples_has_a_tail_of_its_own() -> None:
    found = figures.latency([slice_of({100: 990, 500: 10}, [1000]), slice_of({100: 900, 300: 100}, [1000])])
    assert found is not None
    assert found.slices == (100.0, 300.0)


def test_fairness_is_jains() -> None:
    even = figures.fairness([slice_of({1: 4}, [2, 2], 0.5), slice_of({1: 2}, [1, 1], 0.25)])
    assert even is not None
    assert (even.jain, even.least, even.most, even.longest) == (1.0, 3, 3, 0.5)
    one = figures.fairness([slice_of({1: 4}, [4, 0, 0, 0])])
    assert one is not None
    assert one.jain == 0.25  # one of four has it all
    assert figures.fairness([slice_of({}, [])]) is None
