"""What Hypothesis draws: whole programs, already normal, within the clients allowed, no two alike, the same for a seed."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.conformance.script import Script, normalise
from suite.conformance.shape import COUNTS, LENGTHS, Shape
from suite.conformance.strategies import draw_all, programs

EVERYTHING = Shape(
    ("send", "burst", "read", "pause", "stall", "fin", "rst", "close", "barrier", "read_eof", "reconnect", "again"),
    endings=("fin", "barrier", "close", "rst", "leave"),
    narrow=True,
    most=30,
)
PLAIN = Shape(("send", "read"))


def at_once(script: Script) -> int:
    """Return how many clients a script holds at once, at most."""
    held: set[int] = set()
    most = 0
    for op in script:
        if op.kind == "open":
            held.add(op.client)
        elif op.kind in ("rst", "close", "read_eof"):  # after read_eof both sides have ended
            held.discard(op.client)
        most = max(most, len(held))
    return most


def clients(script: Script) -> int:
    return len({op.client for op in script if op.client >= 0})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(1, 8))
def test_programs_are_normal_and_hold_no_more_clients_than_allowed(data: st.DataObject, most: int) -> None:
    script = data.draw(programs(EVERYTHING, most))
    assert normalise(script) == script
    assert 1 <= at_once(script) <= most


def test_every_kind_of_operation_is_drawn() -> None:
    drawn = draw_all(EVERYTHING, 8, 300, 1)
    kinds = Counter(op.kind for script in drawn for op in script)
    assert set(kinds) == {"open", "send", "read", "pause", "stall", "fin", "rst", "close", "barrier", "read_eof"}
    opens = [op for script in drawn for op in script if op.kind == "open"]
    assert {op.narrow for op in opens} == {True, False}
    assert any(op.same_port_as is not None for op in opens)


@pytest.mark.parametrize("number", range(5))
def test_every_count_of_clients_is_drawn_and_few_are_common(number: int) -> None:
    counts = Counter(map(clients, draw_all(PLAIN, 8, 300, number)))
    assert set(COUNTS) >= set(counts)
    # A fault that needs exactly one, two or three clients must not be missed by chance.
    assert all(counts[few] >= 10 for few in (1, 2, 3))
    assert sum(counts[many] for many in (4, 5, 6, 7, 8)) >= 10


def test_a_shape_s_lengths_are_all_there_is() -> None:
    shape = Shape(("send",), lengths=(range(5, 8), (100,)))
    drawn = draw_all(shape, 3, 200, 1)
    assert {op.payload.length for script in drawn for op in script if op.payload} == {5, 6, 7, 100}


def test_the_usual_lengths_reach_every_group() -> None:
    drawn = draw_all(PLAIN, 8, 300, 1)
    seen = Counter(op.payload.length for script in drawn for op in script if op.payload)
    total = seen.total()
    for group in LENGTHS:
        assert sum(count for length, count in seen.items() if length in group) >= total / 6


def test_draws_are_repeatable_and_differ_by_seed() -> None:
    first = draw_all(EVERYTHING, 8, 50, 1)
    assert draw_all(EVERYTHING, 8, 50, 1) == first
    assert draw_all(EVERYTHING, 8, 50, 2) != first


@pytest.mark.parametrize("most", [1, 8])
def test_no_two_programs_are_alike(most: int) -> None:
    drawn = draw_all(PLAIN, most, 200, 3)
    assert len(set(drawn)) == len(drawn) == 200
