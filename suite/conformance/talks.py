"""Hypothesis draws whole client programs of a protocol: messages of an `Oracle`, sent in every way a client may.

A message stays whole in the script, however it is written: what is left of a program when operations are taken out is
still something that a client may send.
"""

import resource
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from suite.conformance.dialogue import Oracle
from suite.conformance.lawful import examine, lawful
from suite.conformance.oracles import find
from suite.conformance.script import Op, Payload, Script
from suite.conformance.shape import Manner
from suite.errors import OracleError

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

__all__ = ("draw_talks", "programs")

STEPS = (0, 1, 1, 1, 2, 3, 7)
"""Bytes a write, for a message that is cut; 0 is a single write of what is not kept back."""
EXAMINED = 60
"""Scripts by which the oracle is examined itself."""
MOST_SECONDS = 10
MOST_KIB = 1 << 20
"""Processor time and memory that drawing and examining the scripts of one check may take: usual are 1 s and 50 MiB."""
LOOK = 0.1
"""Seconds of processor time between two looks at these."""


@st.composite
def programs(draw: "DrawFn", oracle: Oracle, manner: Manner, most_clients: int) -> Script:
    """Draw a whole program of this manner over at most `most_clients` clients at once."""

    def of(options: Sequence[Any]) -> Any:
        return options[draw(st.integers(0, len(options) - 1))]

    base = draw(st.integers(0, 9999)) * 100

    def send(client: int, *, cut: bool = False, part: bool = False) -> Op:
        messages = oracle.messages
        assert messages is not None
        data = draw(messages(base + client) if callable(messages) else messages)
        if not isinstance(data, bytes):
            raise OracleError(f"the oracle {oracle.service} draws {type(data).__name__}; a message must be bytes")
        return Op(
            "send",
            client,
            Payload.of(data),
            step=of(STEPS) if cut else 0,
            hold=draw(st.integers(int(part), len(data) - 1)) if (cut or part) and len(data) > 1 else 0,
        )

    count = min(of(manner.counts), most_clients)
    numbers = list(range(count))  # who plays each part now: a reconnected part gets a new number
    fresh = count
    ops = [Op("open", number) for number in numbers]
    for _ in range(draw(st.integers(1, manner.most))):
        kind, part = of(manner.operations), draw(st.integers(0, count - 1))
        client = numbers[part]
        match kind:
            case "send" | "cut" | "part":
                ops.append(send(client, cut=kind == "cut", part=kind == "part"))
            case "ask":
                ops += [send(client), Op("barrier", client)]
            case "burst":
                ops += [send(client) for _ in range(draw(st.integers(2, 6)))]
            case "pause":
                ops.append(Op("pause", count=1))
            case "reconnect":
                ops += [Op(of(("close", "rst")), client), Op("open", fresh)]
                numbers[part], fresh = fresh, fresh + 1
            case _:
                ops.append(Op(kind, client))
    endings = [_ending(of(manner.endings), client) for client in numbers]
    return lawful([*ops, *chain.from_iterable(draw(st.permutations(endings)))], oracle)


def _ending(kind: str, client: int) -> list[Op]:
    match kind:
        case "fin":
            return [Op("fin", client), Op("read_eof", client)]
        case "leave":
            return []
        case _:
            return [Op(kind, client)]


def draw_talks(service: str, manner: Manner, most_clients: int, count: int, number: int) -> Sequence[Script]:
    """Draw `count` programs at most, no two alike, all of them before any is played; the same for the same `number`.

    Raises:
        OracleError: the oracle raised, contradicts itself, or lets nothing be sent.
    """
    oracle = find(service)
    drawn: dict[Script, None] = {}

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(programs(oracle, manner, most_clients))
    def collect(script: Script) -> None:
        assume(script not in drawn and any(op.payload is not None for op in script))
        drawn[script] = None

    with _bounded(oracle):
        _collect(collect, oracle, drawn)
        for script in tuple(drawn)[:EXAMINED]:
            examine(script, oracle)
    return tuple(drawn)


class _Endless(KeyboardInterrupt):
    """The oracle's code does not come to an end. Neither its author's `except Exception` nor Hypothesis holds this."""


@contextmanager
def _bounded(oracle: Oracle) -> Iterator[None]:
    """Give the oracle's code so much processor time and memory; outside the main thread nobody can interrupt it.

    Raises:
        OracleError: it takes more.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    looks = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def look(*_: object) -> None:
        nonlocal looks
        looks += 1
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        if looks * LOOK > MOST_SECONDS or grown > MOST_KIB:
            raise _Endless

    # Processor time: a machine that is busy elsewhere is no fault of the oracle's, and SIGALRM is pytest-timeout's.
    handler = signal.signal(signal.SIGVTALRM, look)
    signal.setitimer(signal.ITIMER_VIRTUAL, LOOK, LOOK)
    try:
        yield
    except _Endless:
        raise OracleError(
            f"the oracle {oracle.service} takes more than {MOST_SECONDS} s or {MOST_KIB >> 20} GiB to say what is owed to a few "
            "clients; mend what does not come to an end"
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, handler)


def _collect(collect: Callable[[], None], oracle: Oracle, drawn: dict[Script, None]) -> None:
    """Draw; whatever is raised meanwhile is told in one line.

    Raises:
        OracleError: nothing could be drawn.
    """
    try:
        collect()
    except OracleError:
        raise
    except (Exception, SystemExit) as error:
        if type(error).__module__.partition(".")[0] != "hypothesis":  # that it found too little is told below
            raise oracle.blamed(error) from error
    if not drawn:
        raise OracleError(f"the oracle {oracle.service} lets a client send nothing at all")
