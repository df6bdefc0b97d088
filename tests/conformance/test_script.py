"""Scripts as data: their JSON form, their one-line form, and what `normalise` leaves of any list of operations."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from suite.conformance.script import Op, Payload, Script, from_json, normalise, one_line, to_json
from suite.errors import UsageError

CLIENTS = st.integers(0, 3)
PAYLOADS = st.one_of(
    st.binary(max_size=20).map(Payload.of), st.builds(Payload.random, st.integers(0, 300), st.integers(0, 9))
)


def ops() -> st.SearchStrategy[Op]:
    """Any operation at all, sensible or not."""
    simple = st.sampled_from(("fin", "rst", "close", "read_eof", "stall", "barrier"))
    return st.one_of(
        st.builds(Op, st.just("open"), CLIENTS, same_port_as=st.none() | CLIENTS, narrow=st.booleans()),
        st.builds(Op, st.just("send"), CLIENTS, PAYLOADS),
        st.builds(Op, st.just("read"), CLIENTS, count=st.integers(0, 500)),
        st.builds(Op, simple, CLIENTS),
        st.builds(Op, st.just("pause"), count=st.integers(0, 50)),
        st.just(Op("barrier")),
    )


# A busy machine draws slowly; what is drawn is none the worse for it.
relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

SCRIPTS = st.lists(ops(), max_size=30).map(tuple)


@relaxed
@given(SCRIPTS)
def test_json_round_trip(script: Script) -> None:
    assert from_json(json.loads(json.dumps(to_json(script)))) == script


def test_the_json_form_is_the_documented_one() -> None:
    rows = [
        ["open", 0],
        ["open", 1, {"same_port_as": 0, "narrow": True}],
        ["send", 0, {"hex": "00ff"}],
        ["send", 1, {"len": 9, "seed": 1}],
        ["fin", 0],
        ["rst", 1],
        ["read", 0, 5],
        ["read_eof", 0],
        ["stall", 0],
        ["barrier", 0],
        ["barrier"],
        ["pause", 800],
    ]
    script = from_json(rows)
    assert script[1] == Op("open", 1, same_port_as=0, narrow=True)
    assert script[2].payload == Payload(b"\0\xff", 2, 0)
    assert script[3].payload == Payload(None, 9, 1)
    assert script[-2:] == (Op("barrier"), Op("pause", count=800))
    assert to_json(script) == rows


@pytest.mark.parametrize(
    "row",
    [
        [],
        ["open"],
        ["open", -1],
        ["open", "0"],
        ["open", True],
        ["open", 0, {"narrov": True}],
        ["open", 0, {"same_port_as": -1}],
        ["leap", 0],
        ["send", 0],
        ["send", 0, {}],
        ["send", 0, {"hex": "0"}],
        ["send", 0, {"hex": "00", "len": 1, "seed": 1}],
        ["send", 0, {"len": 1}],
        ["send", 0, {"len": -1, "seed": 1}],
        ["send", 0, "00"],
        ["read", 0],
        ["read", 0, 1.5],
        ["fin", 0, 1],
        ["pause"],
        ["pause", -5],
        ["barrier", 0, 1],
        ["barrier", None],
        [["open"], 0],
        "open",
        7,
        None,
    ],
    ids=repr,
)
def test_a_malformed_row_is_named(row: Any) -> None:
    with pytest.raises(UsageError) as raised:
        from_json([["open", 0], row])
    assert repr(row) in str(raised.value)


@pytest.mark.parametrize("data", [None, {}, "open", 3])
def test_a_script_is_a_list(data: Any) -> None:
    with pytest.raises(UsageError, match="list of operations"):
        from_json(data)


@relaxed
@given(st.integers(0, 5000), st.integers(0, 1 << 16))
def test_a_payload_is_its_length_and_seed(length: int, seed: int) -> None:
    data = Payload.random(length, seed).data
    assert len(data) == length
    assert data == Payload.random(length, seed).data


def test_seeds_make_different_payloads() -> None:
    assert len({Payload.random(16, seed).data for seed in range(256)}) == 256


def test_a_long_payload_does_not_repeat_at_a_multiple_of_any_buffer() -> None:
    data = Payload.random(8 << 20, 3).data
    assert len(data) == 8 << 20
    for power in range(9, 23):
        step = 1 << power
        assert data[:64] != data[step : step + 64]
        assert data[-64:] != data[-step - 64 : -step]


def test_one_line() -> None:
    script = from_json(
        [["open", 0], ["send", 0, {"hex": "00"}], ["send", 0, {"len": 70, "seed": 1}], ["pause", 5], ["barrier"]]
    )
    assert one_line(script) == "open(0) send(0, 00) send(0, 70 bytes) pause(5 ms) barrier()"
    again = from_json([["open", 1, {"same_port_as": 0, "narrow": True}], ["read", 1, 4]])
    assert one_line(again) == "open(1, same port as 0, narrow) read(1, 4)"


def faults(script: Sequence[Op]) -> list[str]:
    """Name what a normalised script must not hold, by the rules of the module's docstring."""
    found = []
    live: dict[int, int] = {}  # bytes sent and not yet asked for
    ended: dict[int, str] = {}
    fin: set[int] = set()
    stalled: set[int] = set()
    for at, op in enumerate(script):
        client = op.client
        fault = ""
        if op.kind == "open":
            if client in live or client in ended:
                fault = "opened twice"
            if op.same_port_as is not None and ended.get(op.same_port_as) != "rst":
                fault = "port of a client that was not reset"
            live[client] = 0
        elif client < 0:
            fault = "nothing" if op.kind == "pause" and not op.count else ""
        elif client not in live:
            fault = "not open"
        elif op.kind == "send":
            assert op.payload is not None
            fault = "after its FIN" if client in fin else "" if op.payload.length else "nothing"
            live[client] += op.payload.length
        elif op.kind == "read":
            fault = "" if 0 < op.count <= live[client] else "more than was sent"
            live[client] -= op.count
        elif op.kind in ("rst", "close"):
            ended[client] = op.kind
            del live[client]
        elif op.kind == "read_eof":
            fault = "" if client in fin else "without a FIN"
            ended[client] = op.kind
            del live[client]
        elif op.kind == "stall":
            fault = "twice" if client in stalled else ""
            stalled.add(client)
        else:
            fault = "after its FIN" if client in fin else ""
            if op.kind == "fin":
                fin.add(client)
            else:
                live[client] = 0
                stalled.discard(client)
        if fault:
            found.append(f"{at}: {op.kind}({client}): {fault}")
    return found


@relaxed
@given(SCRIPTS)
def test_normalise_leaves_only_what_does_something(script: Script) -> None:
    assert faults(normalise(script)) == []


@relaxed
@given(SCRIPTS)
def test_normalise_is_idempotent(script: Script) -> None:
    once = normalise(script)
    assert normalise(once) == once


@relaxed
@given(SCRIPTS)
def test_normalise_only_drops_and_lessens(script: Script) -> None:
    rest = iter(script)
    for op in normalise(script):
        assert any(
            (op.kind, op.client, op.payload, op.narrow) == (other.kind, other.client, other.payload, other.narrow)
            and op.count <= other.count
            and op.same_port_as in (None, other.same_port_as)
            for other in rest
        )


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([["send", 0, {"hex": "00"}]], []),
        ([["open", 0], ["open", 0]], [["open", 0]]),
        ([["open", 0], ["send", 0, {"hex": ""}]], [["open", 0]]),
        ([["open", 0], ["read_eof", 0]], [["open", 0]]),
        ([["open", 0], ["read", 0, 3]], [["open", 0]]),
        (
            [["open", 0], ["send", 0, {"hex": "0102"}], ["read", 0, 9], ["read", 0, 1]],
            [["open", 0], ["send", 0, {"hex": "0102"}], ["read", 0, 2]],
        ),
        ([["open", 0], ["fin", 0], ["send", 0, {"hex": "00"}], ["barrier", 0]], [["open", 0], ["fin", 0]]),
        ([["open", 0], ["close", 0], ["fin", 0], ["open", 0]], [["open", 0], ["close", 0]]),
        (
            [["open", 0], ["close", 0], ["open", 1, {"same_port_as": 0}]],
            [["open", 0], ["close", 0], ["open", 1]],
        ),
        (
            [["open", 0], ["rst", 0], ["open", 1, {"same_port_as": 0}]],
            [["open", 0], ["rst", 0], ["open", 1, {"same_port_as": 0}]],
        ),
        (
            [["open", 0], ["stall", 0], ["stall", 0], ["barrier", 0], ["stall", 0]],
            [["open", 0], ["stall", 0], ["barrier", 0], ["stall", 0]],
        ),
        ([["pause", 0], ["pause", 1], ["barrier"]], [["pause", 1], ["barrier"]]),
    ],
    ids=lambda rows: one_line(from_json(rows)) or "nothing",
)
def test_normalise_by_example(rows: Any, left: Any) -> None:
    assert to_json(normalise(from_json(rows))) == left
