"""Makes a failing script as short as it gets: fewest clients, then operations, then bytes, then milliseconds.

Hypothesis' own shrinker assumes that a run is cheap and repeatable; here one costs a round trip or a time bound, and
may fail only sometimes. So this one knows what a script is, tries the largest cuts first, asks a predicate that is
free to try several times, and stops when its time is up, keeping the best so far.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from suite.conformance.script import Op, Payload, Script, normalise

__all__ = ("merge", "renumber", "shrink")


LONG = 150
"""Operations from which on a script is worth a guess."""
TAILS = (1, 2, 4, 8, 16)
MOST_BYTES = 32 << 20


class _Over(Exception):  # noqa: N818 - control flow, no error
    """The time for shrinking is over."""


def shrink(
    script: Script,
    fails: Callable[[Script], bool],
    over: Callable[[], bool],
    tidy: Callable[[Iterable[Op]], Script] = normalise,
    *,
    opaque: bool = False,
) -> Script:
    """Return the shortest script found that still fails, before `over()` turns true.

    Args:
        script: what fails.
        fails: whether another one does.
        over: whether to stop.
        tidy: takes out what would do nothing, and what may not be sent.
        opaque: messages have a form; none is made shorter, but a shorter one of the same client may take its place.
    """
    best = tidy(script)
    tried = {best}

    def better(candidate: Script, *, ask: bool = True) -> bool:
        nonlocal best
        if ask and over():  # thousands of operations have thousands of cuts, each of which costs something to make
            raise _Over
        candidate = tidy(candidate)
        if candidate in tried:
            return False
        tried.add(candidate)
        if not candidate or not fails(candidate):
            return False
        best = candidate
        return True

    before: Script = ()
    with suppress(_Over):
        if len(best) > LONG:
            any(better(leap, ask=False) for leap in _leaps(best))  # few, and worth more than all else
        while best != before:
            before = best
            _without(
                better,
                lambda: sorted({op.client for op in best if op.client >= 0}),
                lambda gone: tuple(op for op in best if op.client not in gone),
            )
            _without(
                better,
                lambda: list(range(len(best))),
                lambda gone: tuple(op for at, op in enumerate(best) if at not in gone),
            )
            for at in range(len(best)):
                _lessen(better, lambda: best, at, opaque=opaque)
    return renumber(best)


def _leaps(script: Script) -> Iterator[Script]:
    """Guess what a long script may come down to: its last operations, or the sheer number of its bytes."""
    for count in TAILS:
        tail = script[-count:]
        clients = {op.client for op in tail}
        yield (*(op for op in script[:-count] if op.kind == "open" and op.client in clients), *tail)
    total = sum(op.payload.length for op in script if op.payload is not None)
    if total <= MOST_BYTES:
        yield (Op("open", 0), Op("send", 0, Payload.random(total, 1)), Op("read", 0, count=total))


def _without(
    better: Callable[[Script], object], parts: Callable[[], Sequence[int]], rest: Callable[[set[int]], Script]
) -> None:
    """Cut out runs of parts, large ones first, from the end: later operations depend on earlier ones."""
    size = max(1, len(parts()) // 2)
    while True:
        start = len(parts())
        while start > 0:
            now = parts()
            start = min(start, len(now))
            low = max(0, start - size)
            better(rest(set(now[low:start])))
            start = low
        if size == 1:
            return
        size //= 2


def _lessen(better: Callable[[Script], bool], best: Callable[[], Script], at: int, *, opaque: bool) -> None:
    """Make the operation at one place smaller."""
    if at >= len(best()):
        return
    first = best()[at]

    def now() -> Op | None:
        script = best()
        op = script[at] if at < len(script) else None
        return op if op is not None and (op.kind, op.client) == (first.kind, first.client) else None

    def put(op: Op) -> bool:
        script = best()
        return better((*script[:at], op, *script[at + 1 :]))

    if first.narrow or first.same_port_as is not None:
        put(replace(first, narrow=False, same_port_as=None))
    if first.step or first.hold:
        put(replace(first, step=0, hold=0)) or put(replace(first, hold=0)) or put(replace(first, step=0))
    op = now()
    if op is not None and op.payload is not None and opaque:
        length = op.payload.length
        own = {other.payload for other in best() if other.client == op.client and other.payload is not None}
        any(put(replace(op, payload=less)) for less in sorted(own, key=lambda one: one.length) if less.length < length)
        return
    if op is not None and op.payload is not None and op.payload.length > 1:
        put(replace(op, payload=Payload.of(b"\0")))
    passes = 0
    while (op := now()) is not None and _size(op) > passes + 1:
        middle = (passes + _size(op) + 1) // 2 if passes else max(1, _size(op) // 2)
        if middle >= _size(op) or not put(_resized(op, middle)):
            passes = max(passes, middle)
    if op is not None and op.payload is not None and op.payload.length <= 8:
        put(replace(op, payload=Payload.of(bytes(op.payload.length))))


def _size(op: Op) -> int:
    return op.payload.length if op.payload is not None else op.count


def _resized(op: Op, size: int) -> Op:
    if op.payload is None:
        return replace(op, count=size)
    literal = op.payload.literal
    return replace(op, payload=Payload.random(size, op.payload.seed) if literal is None else Payload.of(literal[:size]))


def renumber(script: Script) -> Script:
    """Number the clients 0, 1, … in the order in which they open."""
    names: dict[int, int] = {-1: -1}
    for op in script:
        names.setdefault(op.client, len(names) - 1)
    return tuple(
        replace(
            op,
            client=names[op.client],
            same_port_as=None if op.same_port_as is None else names.get(op.same_port_as, op.same_port_as),
        )
        for op in script
    )


def merge(scripts: Sequence[Script], tidy: Callable[[Iterable[Op]], Script] = normalise) -> Script:
    """Chain scripts into one: the clients of each are new, and those left open at its end are closed there."""
    merged: list[Op] = []
    base = 0
    for script in scripts:
        clients = sorted({op.client for op in script if op.client >= 0})
        names = {client: base + at for at, client in enumerate(clients)} | {-1: -1}
        ended = {op.client for op in script if op.kind in ("rst", "close")}
        merged += [
            replace(
                op, client=names[op.client], same_port_as=None if op.same_port_as is None else names[op.same_port_as]
            )
            for op in script
        ]
        merged += [Op("close", names[client]) for client in clients if client not in ended]
        base += len(clients)
    return tidy(merged)
