"""Hypothesis draws whole client programs of a family's `Shape`.

The client count is drawn first, biased to one to three; then operations over those clients in any interleaving; then
how each client that is still open ends. `normalise` takes out what would do nothing, so that a script's length counts.
"""

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

from suite.conformance.script import Op, Payload, Script, normalise
from suite.conformance.shape import Shape

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

__all__ = ("draw_all", "programs")


# Hypothesis mixes the constants of whatever local modules happen to be loaded into its integers. No source has any up
# here, so that what is drawn follows from the seed alone, for any kind of installation.
_BASE = 1 << 80
_NUMBERS = st.integers(_BASE, _BASE + (1 << 24) - 1)
_Option = TypeVar("_Option")


class _Choices:
    """All choices of one operation, taken from one drawn number.

    A draw costs as much as a round trip to the server under test, so an operation is drawn at once; up to 24 bits
    Hypothesis draws numbers evenly.
    """

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def of(self, options: Sequence[_Option]) -> _Option:
        self._number, at = divmod(self._number, len(options))
        return options[at]


@st.composite
def programs(draw: "DrawFn", shape: Shape, most_clients: int) -> Script:
    """Draw a whole program of this shape over at most `most_clients` clients at once."""

    def choices() -> _Choices:
        return _Choices(draw(_NUMBERS) - _BASE)

    first = choices()
    count = min(first.of(shape.counts), most_clients)
    numbers = list(range(count))  # who plays each part now: a reconnected part gets a new number
    fresh = count
    ops = [Op("open", number, narrow=shape.narrow and first.of((False, True))) for number in numbers]
    for at in range(first.of(range(1, shape.most + 1))):
        choose = choices()
        kind, part = choose.of(shape.operations), choose.of(range(count))
        client = numbers[part]
        match kind:
            case "send":
                ops.append(Op("send", client, Payload.random(choose.of(choose.of(shape.lengths)), at)))
            case "burst":
                ops += [Op("send", client, Payload.random(choose.of(choose.of(shape.lengths)), at)), Op("fin", client)]
            case "read":
                ops.append(Op("read", client, count=choose.of((1, 2, 100, 4096, 1 << 20))))
            case "pause":
                ops.append(Op("pause", count=choose.of(shape.pauses)))
            case "reconnect" | "again":
                again = kind == "again"
                ops += [
                    Op("rst" if again else "close", client),
                    Op("open", fresh, same_port_as=client if again else None),
                ]
                numbers[part], fresh = fresh, fresh + 1
            case _:
                ops.append(Op(kind, client))
    endings: list[list[Op]] = []
    for client in numbers:
        choose = choices()
        endings.insert(choose.of(range(len(endings) + 1)), _ending(choose.of(shape.endings), client))
    return normalise([*ops, *chain.from_iterable(endings)])


def _ending(kind: str, client: int) -> list[Op]:
    match kind:
        case "fin":
            return [Op("fin", client), Op("read_eof", client)]
        case "leave":
            return []
        case _:
            return [Op(kind, client)]


def draw_all(shape: Shape, most_clients: int, count: int, number: int) -> Sequence[Script]:
    """Draw `count` programs, no two alike, all of them before any is played; the same for the same `number`."""
    drawn: dict[Script, None] = {}

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(programs(shape, most_clients))
    def collect(script: Script) -> None:
        assume(script not in drawn)  # Hypothesis repeats and varies what it has drawn
        drawn[script] = None

    collect()
    return tuple(drawn)
