"""A script: the whole client program as data, complete before any I/O.

Clients are small integers, the order of operations is explicit, payloads are literal bytes or (length, seed):

    ["open", 0]                      connect; {"same_port_as": 1} from client 1's port, {"narrow": true} small windows; {"raw": true} without TLS
    ["send", 0, {"hex": "00ff"}]     queue bytes; the kernel takes what it takes now, the rest follows in later waits
    ["send", 0, {"len": 9, "seed": 1}]
    ["fin", 0]                       half-close, once the queue is out (or stuck: what is stuck is dropped)
    ["rst", 0]  ["close", 0]         abort, or close(2), now
    ["read", 0, 5]                   wait until 5 more bytes have come
    ["read_eof", 0]                  wait for the end of the stream
    ["stall", 0]                     stop reading in the background; only `read` takes bytes, and no more than it asks
    ["barrier", 0]                   send a nonce and wait until everything sent has come back
    ["barrier"]                      the same on a connection of its own
    ["pause", 800]                   milliseconds; other clients that are not stalled are read meanwhile
    ["oob", 0, {"hex": "21"}]        queue bytes as urgent data (TCP's URG; MSG_OOB), after everything before is out
    ["measure", 500] ["settle", 2000] ["term"] ["exit", 9000] ["restart"]
    ["freeze"] ["thaw"] ["inject", "accept4:error=ENFILE"] ["heal"]      see `watching`

What is still open at the end is closed with close(2).
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Self

from suite.conformance.injecting import SPEC
from suite.conformance.watching import WATCHING
from suite.errors import UsageError

__all__ = ("Op", "Payload", "Script", "from_json", "normalise", "one_line", "plain", "to_json")

MOST = 1 << 32
"""Largest number in a script that is read. No check comes near these."""
LONGEST_SEND = 1 << 30
"""Bytes of one: the player holds them in memory."""
LONGEST_WAIT = 3_600_000
"""Milliseconds of one."""
_TILE = (1 << 20) + 13
_NOBODYS = ("pause", *WATCHING)
_COUNTED = ("read", "pause", "measure", "settle", "exit")


@lru_cache(maxsize=64)
def _bytes_of(length: int, seed: int) -> bytes:
    # Random.randbytes is stable since Python 3.9. Long payloads repeat a block: 64 MiB of fresh randomness would
    # cost more than sending it, and no buffer is a multiple of this length.
    block = random.Random(seed).randbytes(min(length, _TILE))
    return (block * (length // _TILE + 1))[:length] if length > _TILE else block


class Payload(NamedTuple):
    """Bytes to send: literal, or `length` bytes of the generator seeded with `seed`."""

    literal: bytes | None
    length: int
    seed: int

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Make a literal payload."""
        return cls(data, len(data), 0)

    @classmethod
    def random(cls, length: int, seed: int) -> Self:
        """Make a payload of `length` seeded random bytes."""
        return cls(None, length, seed)

    @property
    def data(self) -> bytes:
        """The bytes themselves."""
        return self.literal if self.literal is not None else _bytes_of(self.length, self.seed)

    def json(self) -> dict[str, Any]:
        """Render as the JSON form."""
        return {"hex": self.literal.hex()} if self.literal is not None else {"len": self.length, "seed": self.seed}


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    Attributes:
        kind: the operation's name.
        client: whose it is; -1 for `pause` and the general `barrier`.
        payload: what `send` sends.
        count: bytes for `read`, milliseconds for `pause` and for those of `watching`.
        same_port_as: for `open`: connect from the port that this client, since reset, had.
        narrow: for `open`: a small receive buffer and segment size, so that a stall needs kilobytes, not megabytes.
        hasty: for `open`: do not wait until it is connected; what needs the connection waits.
        raw: for `open`: speak no TLS to a server that expects it; the client is owed nothing but an end.
        step: for `send`: one write for every so many bytes; 0 is a single one.
        hold: for `send`: so many last bytes are kept back until the client's next operation; they are never sent if
            that is its end. `plain` renders both as sends of pieces: a message stays whole while a script is made
            shorter, and no message is cut short by it.
        fault: for `inject`: what befalls which system calls, in strace's words.
    """

    kind: str
    client: int = -1
    payload: Payload | None = None
    count: int = 0
    same_port_as: int | None = None
    narrow: bool = False
    hasty: bool = False
    raw: bool = False
    step: int = 0
    hold: int = 0
    fault: str = ""

    def cut(self) -> tuple[list[bytes], bytes]:
        """Return the pieces that a `send` writes now, and what it keeps back."""
        assert self.payload is not None
        data = self.payload.data
        end = max(0, len(data) - self.hold)
        step = self.step or end or 1
        return [data[at : min(at + step, end)] for at in range(0, end, step)], data[end:]

    def json(self) -> list[Any]:
        """Render as the JSON form."""
        row: list[Any] = [self.kind]
        if self.client >= 0:
            row.append(self.client)
        if self.payload is not None:
            row.append(self.payload.json())
        if self.kind in _COUNTED:
            row.append(self.count)
        if self.fault:
            row.append(self.fault)
        options: dict[str, Any] = {}
        if self.same_port_as is not None:
            options["same_port_as"] = self.same_port_as
        if self.narrow:
            options["narrow"] = True
        if self.hasty:
            options["hasty"] = True
        if self.raw:
            options["raw"] = True
        return [*row, options] if options else row


Script = tuple[Op, ...]


def to_json(script: Sequence[Op]) -> list[list[Any]]:
    """Render a script as JSON data."""
    return [op.json() for op in plain(script)]


def plain(script: Sequence[Op]) -> Script:
    """Return the script with every `send` that is written in pieces, or in part kept back, as sends of the pieces."""
    ops: list[Op] = []
    held: dict[int, bytes] = {}
    for op in script:
        rest = held.pop(op.client, b"") if op.kind != "stall" else b""
        if rest and op.kind not in ("rst", "close"):
            ops.append(Op("send", op.client, Payload.of(rest)))
        if op.payload is None or not (op.step or op.hold):
            ops.append(op)
            continue
        now, held[op.client] = op.cut()
        ops += [Op("send", op.client, Payload.of(piece)) for piece in now]
    return tuple(ops)


def from_json(rows: Any) -> Script:
    """Read a script from JSON data.

    Raises:
        UsageError: the data is not a script; the message names the row.
    """
    if not isinstance(rows, list):
        raise UsageError("a script is a list of operations")
    return tuple(_op(row) for row in rows)


_SHAPES = {
    "open": 1, "send": 2, "oob": 2, "fin": 1, "rst": 1, "close": 1, "read": 2, "read_eof": 1, "stall": 1, "pause": 1,
    "measure": 1, "settle": 1, "term": 0, "exit": 1, "restart": 0, "freeze": 0, "thaw": 0, "inject": 1, "heal": 0,
}  # fmt: skip


def _op(row: Any) -> Op:
    try:
        kind, *rest = row
        options = rest.pop() if rest and kind == "open" and isinstance(rest[-1], dict) else {}
        if kind == "barrier" and len(rest) <= 1:
            return Op(kind, _natural(rest[0]) if rest else -1)
        if len(rest) != _SHAPES[kind] or options.keys() - {"same_port_as", "narrow", "hasty", "raw"}:
            raise ValueError(row)  # noqa: TRY301 - one place reports every malformed row
        if kind == "inject":
            if not SPEC.fullmatch(rest[0]):
                raise ValueError(row)  # noqa: TRY301 - one place reports every malformed row
            return Op(kind, fault=rest[0])
        if kind in _NOBODYS:
            return Op(kind, count=_natural(rest[0], LONGEST_WAIT) if rest else 0)
        client = _natural(rest[0])
        if kind in ("send", "oob"):
            return Op(kind, client, _payload(rest[1]))
        if kind == "read":
            return Op(kind, client, count=_natural(rest[1]))
        same = options.get("same_port_as")
        return Op(
            kind,
            client,
            same_port_as=None if same is None else _natural(same),
            narrow=bool(options.get("narrow")),
            hasty=bool(options.get("hasty")),
            raw=bool(options.get("raw")),
        )
    except (ValueError, TypeError, KeyError):
        raise UsageError(f"not an operation of a script: {row!r}") from None


def _natural(value: Any, most: int = MOST) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(value)
    return value


def _payload(value: dict[str, Any]) -> Payload:
    if set(value) == {"hex"}:
        return Payload.of(bytes.fromhex(value["hex"]))
    if set(value) == {"len", "seed"}:
        return Payload.random(_natural(value["len"], LONGEST_SEND), _natural(value["seed"]))
    raise ValueError(value)


def one_line(script: Sequence[Op]) -> str:
    """Render a script for people: `open(0) send(0, 00) fin(0) read_eof(0)`."""
    words = []
    for op in plain(script):
        arguments = [str(op.client)] if op.client >= 0 else []
        if op.payload is not None:
            literal = op.payload.literal
            short = literal is not None and len(literal) <= 16
            arguments.append(
                literal.hex()
                if short and literal is not None
                else f"{op.payload.length} byte{'s' * (op.payload.length != 1)}"
            )
        if op.kind in _COUNTED:
            arguments.append(str(op.count) if op.kind == "read" else f"{op.count} ms")
        arguments += [op.fault] * bool(op.fault)
        if op.same_port_as is not None:
            arguments.append(f"same port as {op.same_port_as}")
        arguments += [name for name in ("narrow", "hasty", "raw") if getattr(op, name)]
        words.append(f"{op.kind}({', '.join(arguments)})")
    return " ".join(words)


NONCE = 16
"""Bytes a barrier adds to a client's stream."""


class _Sketch:
    """What is known of a client before any I/O: enough to see which operations would do nothing."""

    __slots__ = ("ended", "fin", "outstanding", "raw", "reset", "stalled")

    def __init__(self) -> None:
        self.outstanding = 0
        self.fin = self.stalled = self.ended = self.reset = self.raw = False


def normalise(ops: Iterable[Op], *, as_echo: bool = True) -> Script:
    """Drop operations that would do nothing or could never end, and clamp reads to what a right echo would return.

    Where the server is no echo (`as_echo` False), reads and waits for its end stay as they are.
    """
    clients: dict[int, _Sketch] = {}
    script: list[Op] = []
    for op in ops:
        kept = _keep(op, clients, as_echo=as_echo)
        if kept is not None:
            script.append(kept)
    return tuple(script)


def _keep(op: Op, clients: dict[int, _Sketch], *, as_echo: bool) -> Op | None:
    state = clients.get(op.client)
    if op.client < 0:
        return op if op.kind != "pause" or op.count else None
    if op.kind == "open":
        if state is not None:
            return None
        clients[op.client] = _Sketch()
        clients[op.client].raw = op.raw
        earlier = clients.get(op.same_port_as) if op.same_port_as is not None else None
        # Only an RST frees the port pair at once; after a FIN it is in TIME_WAIT.
        return (
            op if op.same_port_as is None or (earlier is not None and earlier.reset) else replace(op, same_port_as=None)
        )
    if state is None or state.ended:
        return None
    match op.kind:
        case "send" | "oob":
            if state.fin or op.payload is None or not op.payload.length:
                return None
            state.outstanding += op.payload.length if op.kind == "send" else 0
        case "fin":
            if state.fin:
                return None
            state.fin = True
        case "rst" | "close":
            state.ended, state.reset = True, op.kind == "rst"
        case "stall":
            if state.stalled:
                return None
            state.stalled = True
        case "read":
            count = min(op.count, state.outstanding) if as_echo else op.count
            state.outstanding -= count
            return replace(op, count=count) if count else None
        case "read_eof":
            if not (state.fin or state.raw) and as_echo:
                return None
            state.ended = True
        case "barrier":
            if state.fin:
                return None
            state.outstanding, state.stalled = 0, False
        case _:
            raise AssertionError(op)
    return op
