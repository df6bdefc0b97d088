"""Parts that the scripts of several families are made of."""

from suite.conformance.script import Op, Payload
from suite.conformance.transcript import Transcript
from suite.events import Finding

__all__ = ("QUIET", "STALLED", "bulk", "drop", "exchange", "left", "opened", "overtaken", "reads", "sends")

SUPPLY = Payload.random(1 << 23, 7)
"""A bulk client queues twelve of these, 96 MiB. A right server answers the others within microseconds, so only a
starving one is ever sent them all; the rest is dropped when the script ends."""
GROSS = 80 << 20
"""Bytes that others may be served before one small message is answered. Right servers were seen to need 15 MiB on an
overloaded machine. A slow server takes longer for so much than any wait lasts: then the wait runs out instead."""
QUIET = 1100
"""Milliseconds; more than the second after which many servers say or do something of their own accord."""


def _stalled(transcript: Transcript) -> bool:
    return transcript.facts["backlog"] + transcript.facts["blocked"] > 0


STALLED = ("the server had to wait for its client", _stalled)
"""Premise: a client that did not read was owed more than the kernels hold, or they took no more of its bytes."""


def opened(count: int, first: int = 0) -> list[Op]:
    """Open `count` clients, numbered from `first`."""
    return [Op("open", client) for client in range(first, first + count)]


def exchange(client: int, length: int, number: int) -> list[Op]:
    """Send `length` bytes of the generator `number` and read them back."""
    return [Op("send", client, Payload.random(length, number)), Op("read", client, count=length)]


def sends(clients: list[int], length: int, number: int) -> list[Op]:
    """Let every client send bytes of its own."""
    return [Op("send", client, Payload.random(length, number + client)) for client in clients]


def reads(clients: list[int], length: int) -> list[Op]:
    """Let every client read so many bytes."""
    return [Op("read", client, count=length) for client in clients]


def drop(client: int, turn: int) -> Op:
    """End a client's connection, every other `turn` by RST."""
    return Op("rst" if turn % 2 else "close", client)


def left(transcript: Transcript) -> bool:
    """Whether a client left while another stayed, or a later one came, and the script went on to its end."""
    ends = [at for at, op in enumerate(transcript.script) if op.kind in ("close", "rst")]
    return (
        transcript.completed
        and bool(ends)
        and any(op.kind in ("read", "barrier") for op in transcript.script[ends[0] :])
    )


def overtaken(transcript: Transcript) -> Finding | None:
    """Find a client that waited while the others together were served `GROSS` bytes."""
    for client, others in transcript.overtaken.items():
        if others >= GROSS:
            actual = f"no answer until the others had received {others >> 20} MiB"
            return Finding("stalled", client, "an answer while others are served", actual, hard=False)
    return None


def bulk(client: int) -> list[Op]:
    """Queue more than anybody can send back at once."""
    return [Op("send", client, SUPPLY)] * 12
