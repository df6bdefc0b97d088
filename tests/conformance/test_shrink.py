"""The shrinker, against predicates whose shortest failing script is known by construction."""

import random
from collections.abc import Callable

import pytest

from suite.conformance.script import Op, Payload, Script, normalise
from suite.conformance.shrink import merge, renumber, shrink


def never() -> bool:
    return False


def noisy(clients: int) -> Script:
    ops = [Op("open", client) for client in range(clients)]
    for at in range(40):
        ops.append(Op("send", at % clients, Payload.random(1000 + at, at)))
        ops.append(Op("read", (at * 7) % clients, count=100))
    ops.append(Op("pause", count=900))
    for client in range(clients):
        ops += [Op("fin", client), Op("read_eof", client)]
    return normalise(ops)


def counted(kind: str, script: Script) -> int:
    return sum(op.kind == kind for op in script)


@pytest.mark.parametrize(
    ("predicate", "shortest"),
    [
        (lambda script: counted("fin", script) >= 1, "open fin"),
        (lambda script: counted("open", script) >= 3, "open open open"),
        (lambda script: any(op.kind == "read_eof" for op in script), "open fin read_eof"),
        (lambda script: len({op.client for op in script if op.kind == "send"}) >= 2, "open open send send"),
    ],
)
def test_finds_the_shortest_script(predicate: Callable[[Script], bool], shortest: str) -> None:
    small = shrink(noisy(6), predicate, never)
    assert " ".join(op.kind for op in small) == shortest
    assert sorted({op.client for op in small}) == list(range(counted("open", small)))


def test_finds_the_shortest_payload() -> None:
    def fails(script: Script) -> bool:
        return any(op.payload is not None and op.payload.length >= 777 for op in script)

    small = shrink(noisy(3), fails, never)
    assert [(op.kind, op.payload.length if op.payload else 0) for op in small] == [("open", 0), ("send", 777)]


def test_bytes_become_zero_where_they_do_not_matter() -> None:
    small = shrink(noisy(2), lambda script: counted("send", script) > 0, never)
    assert small[-1] == Op("send", 0, Payload.of(b"\0"))


def test_pauses_are_halved() -> None:
    small = shrink(noisy(2), lambda script: any(op.kind == "pause" and op.count >= 120 for op in script), never)
    assert small == (Op("pause", count=120),)


def test_keeps_the_best_when_time_is_up() -> None:
    calls = 0

    def over() -> bool:
        return calls >= 10

    def fails(script: Script) -> bool:
        nonlocal calls
        calls += 1
        return counted("open", script) >= 2

    small = shrink(noisy(8), fails, over)
    assert 2 <= counted("open", small) < 8
    assert calls == 10


def ladder(rungs: int) -> Script:
    steps = [(Op("send", 0, Payload.random(at, at)), Op("read", 0, count=at)) for at in range(1, rungs + 1)]
    return normalise([Op("open", 0), *(op for step in steps for op in step)])


@pytest.mark.parametrize(
    ("predicate", "shortest"),
    [
        (lambda script: any(op.payload is not None and op.payload.length == 1234 for op in script), "open send"),
        (lambda script: sum(op.payload.length for op in script if op.payload) > 700_000, "open send"),
    ],
    ids=["its last message", "its bytes in sum"],
)
def test_thousands_of_operations_need_few_attempts(predicate: Callable[[Script], bool], shortest: str) -> None:
    attempts = 0

    def fails(script: Script) -> bool:
        nonlocal attempts
        attempts += 1
        return predicate(script)

    small = shrink(ladder(1234), fails, lambda: attempts >= 40)
    assert " ".join(op.kind for op in small) == shortest


def test_a_thousand_clients_need_few_attempts() -> None:
    calls = 0

    def fails(script: Script) -> bool:
        nonlocal calls
        calls += 1
        return counted("open", script) >= 3

    many = normalise([op for client in range(512) for op in (Op("open", client), Op("send", client, Payload.of(b"x")))])
    small = shrink(many, fails, never)
    assert [op.kind for op in small] == ["open"] * 3
    assert calls < 200


def test_never_returns_a_passing_script() -> None:
    rng = random.Random(7)
    for _ in range(50):
        wanted = (rng.randrange(1, 4), rng.randrange(0, 3))

        def fails(script: Script, wanted: tuple[int, int] = wanted) -> bool:
            return counted("open", script) >= wanted[0] and counted("send", script) >= wanted[1]

        assert fails(shrink(noisy(5), fails, never))


def test_renumber_counts_clients_as_they_open() -> None:
    script = (Op("open", 7), Op("open", 3), Op("barrier"), Op("rst", 7), Op("open", 9, same_port_as=7))
    assert renumber(script) == (
        Op("open", 0),
        Op("open", 1),
        Op("barrier"),
        Op("rst", 0),
        Op("open", 2, same_port_as=0),
    )


def test_merge_chains_scripts_with_clients_of_their_own() -> None:
    one = (Op("open", 0), Op("send", 0, Payload.of(b"a")), Op("read", 0, count=1))
    two = (Op("open", 0), Op("rst", 0))
    assert merge([one, two]) == (
        Op("open", 0), Op("send", 0, Payload.of(b"a")), Op("read", 0, count=1), Op("close", 0), Op("open", 1), Op("rst", 1),
    )  # fmt: skip


def test_nothing_more_is_tried_once_the_time_is_over() -> None:
    asked = played = 0

    def over() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    def fails(_: Script) -> bool:
        nonlocal played
        played += 1
        return False

    assert shrink(noisy(8), fails, over) == noisy(8)
    assert (asked, played) == (4, 3)
