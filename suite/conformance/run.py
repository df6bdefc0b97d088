"""One script being played: a generator that carries out its operations and yields what it waits for.

Facts it counts in a transcript (the premises of checks):
    fin-with-data   the FIN followed data that had not come back yet (right behind a `send` it rides in its last segment)
    backlog         a client that did not read was owed more than both kernels' buffers hold: the server had to wait
    blocked         the kernel refused a client's bytes while that client did not read
    unread-close    a client closed or reset with data owed to it
    reset           a client reset
    active          the most clients open at once
    port-reused     a connection came from the port of an earlier one
    moving          a client's bytes were still moving when a pause ended
    urgent          urgent data was sent
"""

import time
from collections.abc import Generator
from itertools import pairwise
from typing import Protocol

from suite.conformance.address import Address
from suite.conformance.dialogue import Oracle
from suite.conformance.link import Link
from suite.conformance.oracle import octets
from suite.conformance.script import Op, Script
from suite.conformance.transcript import Ending, Transcript, Wait
from suite.conformance.transports import link_to
from suite.conformance.watching import WATCHING, Watch, operate
from suite.events import Moment

__all__ = ("STUCK", "Run", "Stage")

MOST_MOMENTS = 400
CONNECT_PATIENCE = 8.0
"""Seconds for a connect: an overrun backlog costs SYN retransmits at 1, 3 and 7 s (tcp(7), tcp_syn_retries)."""
RETRANSMIT = 0.9
"""Seconds after which a connect was not answered at once: its SYN met a full accept queue and was sent again."""
PACE = 0.003
"""Seconds to let a server with a short accept queue catch up."""
STUCK = 0.05
"""Seconds without movement, at least, after which a half-close drops what the kernel will not take."""


class Stage(Protocol):
    """What a run needs to know of its player."""

    address: Address
    oracle: Oracle
    patience: float
    stuck: float
    cap: float
    end_patience: float
    longest: float
    watch: Watch | None
    half_close: bool

    def overrun(self) -> None:
        """Connect fewer in a row from now on."""

    def paced(self, connects: int) -> bool:
        """Whether to pause after so many connects."""

    def nonce(self) -> bytes:
        """Return a fresh nonce."""


class _Until:
    """A wait: over when `link` satisfies it, or `seconds` after bytes last moved on it; `end` if only the end is missing."""

    __slots__ = ("end", "link", "seconds", "start", "target", "what")

    def __init__(self, what: str, link: Link | None, seconds: float, target: int = 0, end: float = 0.0) -> None:
        self.what = what
        self.link = link
        self.seconds = seconds
        self.end = max(seconds, end)
        self.target = target
        self.start = time.monotonic()

    def satisfied(self) -> bool:
        link = self.link
        if link is None:
            return False
        match self.what:
            case "connect":
                return link.connected or link.ended
            case "flush":
                return not link.queue or link.ended
            case "barrier":
                return link.ended or link.talk.diverged is not None or not (link.missing or link.dialogue.closes)
            case "read_eof":
                return link.ended or link.talk.diverged is not None
            case _:
                return len(link.talk.received) >= self.target or link.ended or link.talk.diverged is not None

    def deadline(self) -> float:
        link = self.link
        if link is None or self.what == "connect":
            return self.start + self.seconds
        only_end = link.dialogue.closes or not link.missing
        return max(self.start, link.moved) + (self.end if only_end else self.seconds)


_Steps = Generator[_Until, bool, None]


class Run:
    """One script being played."""

    def __init__(self, player: Stage, script: Script) -> None:
        self.transcript = Transcript(script)
        self.links: dict[int, Link] = {}
        self.live: dict[int, Link] = {}  # those that we have not closed
        self.stirred: dict[Link, None] = {}  # those, in order, that poll spoke of since the last look
        self._player = player
        self._start = time.monotonic()
        self._steps = self._play()
        self._until: _Until | None = None
        self._targets: dict[int, int] = {}
        self._sent_at: dict[int, float] = {}
        self._served = 0  # bytes that all clients have received
        self._served_at: dict[int, int] = {}
        self._diverged = False
        self._seen: dict[int, tuple[int, str]] = {}
        self._halted = False
        self._fin_follows = False
        self._held: dict[int, bytes] = {}  # what a client keeps back until its next operation
        self._ports_wanted = {op.same_port_as for op in script if op.same_port_as is not None}

    def deadline(self) -> float:
        """Return the monotonic time at which the current wait runs out."""
        until = self._until
        assert until is not None
        return min(until.deadline(), until.start + max(self._player.cap, until.end))

    def advance(self) -> bool:
        """Go on as far as possible without waiting; return False at the end."""
        until = self._until
        try:
            if until is None:
                self._until = next(self._steps)
            while (until := self._until) is not None:
                if until.satisfied():
                    over = True
                else:
                    now = time.monotonic()
                    if now < self.deadline():
                        return True
                    over = False
                    if until.link is not None and now < until.deadline():
                        self.transcript.slow = True
                self._until = self._steps.send(over)
        except StopIteration:
            self.close()
        return False

    def close(self) -> None:
        """Close what is open; called once more is harmless."""
        if self._steps is not None:
            self._steps.close()
        if not self.transcript.seconds:
            self._look()
            self.transcript.seconds = time.monotonic() - self._start
        for link in self.links.values():
            link.close()

    def _say(self, client: int, what: str) -> None:
        moments = self.transcript.moments
        if len(moments) < MOST_MOMENTS:
            moments.append(Moment(round(time.monotonic() - self._start, 6), client, what))

    def _look(self) -> None:
        """Note in the timeline what has come since the last look."""
        for link in self.stirred:
            talk = link.talk
            client = talk.client
            now = (len(talk.received), talk.ending.value)
            before = self._seen.get(client, (0, "open"))
            if now == before:
                continue
            self._seen[client] = now
            self._served += now[0] - before[0]
            self._diverged |= talk.diverged is not None
            if now[0] > before[0]:
                self._say(client, f"received {_preview(talk.received, before[0])}")
            if now[1] != before[1]:
                self._say(client, now[1])
        self.stirred.clear()

    def _play(self) -> _Steps:
        operations = {
            "open": self._open, "send": self._send, "fin": self._fin, "rst": self._end, "close": self._end,
            "read": self._read, "read_eof": self._read_eof, "stall": self._stall, "pause": self._pause, "barrier": self._barrier,
            "oob": self._oob, **dict.fromkeys(WATCHING, self._watch),
        }  # fmt: skip
        facts = self.transcript.facts
        for op, following in pairwise((*self.transcript.script, Op("end"))):
            self.transcript.played += 1
            self._fin_follows = following.kind == "fin" and following.client == op.client
            if op.client in self._held and op.kind != "stall":
                self._let_go(op)
            yield from operations[op.kind](op)
            self._look()
            if self._halted or self._diverged:
                return
            if time.monotonic() - self._start > self._player.longest:
                self.transcript.slow = True
                return
            if op.kind == "open":
                facts["active"] = max(facts["active"], sum(1 for link in self.live.values() if not link.ended))

    def _wait(self, what: str, link: Link, target: int = 0) -> _Steps:
        """Wait; when it runs out, note it and stop the script."""
        seconds = CONNECT_PATIENCE if what == "connect" else self._player.patience
        end = self._player.end_patience if what in ("read_eof", "barrier") else 0.0
        if (yield _Until(what, link, seconds, target, end)):
            return
        self._halted = True
        self._look()
        if not link.connected:
            link.talk.ending = Ending.UNANSWERED
            return
        if self.transcript.slow:
            self._say(link.talk.client, f"{what}: still moving, but too slowly to wait for")
            return
        talk = link.talk
        missing = target - len(talk.received) if what == "read" else link.missing
        self.transcript.waits.append(Wait(talk.client, what, max(0, missing), time.monotonic() - max(link.moved, 0)))
        self._say(talk.client, f"{what}: nothing yet" + (f", {octets(missing)} missing" if missing > 0 else ""))

    def _open(self, op: Op) -> _Steps:
        player = self._player
        link = link_to(player.address, op.client, player.oracle, raw=op.raw, half_close=player.half_close)
        self.links[op.client] = self.live[op.client] = link
        self.transcript.conversations[op.client] = link.talk
        earlier = self.links.get(op.same_port_as) if op.same_port_as is not None else None
        own = 0 if op.client in self._ports_wanted else None
        took = link.connect(player.address, port=earlier.local_port if earlier else own, narrow=op.narrow)
        self.transcript.facts["port-reused"] += bool(earlier is not None and earlier.local_port and took)
        if op.hasty:
            return
        if not link.connected and not link.ended:
            begun = time.monotonic()
            yield from self._wait("connect", link)
            if time.monotonic() - begun > RETRANSMIT:
                self._player.overrun()
        if self._player.paced(len(self.links)):
            yield _Until("pause", None, PACE)
        if link.connected:
            self._say(op.client, "connected")
        else:
            self.stirred[link] = None  # the look after this operation says how it ended

    def _send(self, op: Op) -> _Steps:
        link = self.links[op.client]
        assert op.payload is not None
        if link.ended or link.talk.fin:
            return
        before = len(link.talk.sent)
        self._sent_at[op.client] = time.monotonic()
        self._served_at[op.client] = self._served - len(link.talk.received)
        if op.step or op.hold:
            pieces, self._held[op.client] = op.cut()
            for piece in pieces:
                link.send(piece)
        else:
            link.send(op.payload.data, more=self._fin_follows)
        taken = len(link.talk.sent) - before
        self._say(
            op.client,
            f"sent {_preview(link.talk.sent, before)}"
            + (f" of {op.payload.length}" if taken < op.payload.length else ""),
        )
        yield from ()

    def _oob(self, op: Op) -> _Steps:
        link = self.links[op.client]
        assert op.payload is not None
        if link.queue:
            yield _Until("flush", link, self._player.stuck)
        if link.ended or link.talk.fin or link.queue:
            return
        link.oob(op.payload.data)
        self.transcript.facts["urgent"] += 1
        self._say(op.client, f"sent urgent {op.payload.data.hex(' ')}")

    def _watch(self, op: Op) -> _Steps:
        seconds = op.count / 1000
        watch = self._player.watch
        if watch is None:
            yield _Until("pause", None, seconds if op.kind == "measure" else 0.0)
            return
        for pause in operate(op.kind, watch, self.transcript, seconds, op.fault):
            yield _Until("pause", None, pause)
        self._say(-1, op.kind)

    def _let_go(self, op: Op) -> None:
        """Send what a client had kept back; one that leaves takes it along."""
        link, rest = self.links[op.client], self._held.pop(op.client)
        if rest and op.kind not in ("rst", "close") and not link.ended and not link.talk.fin:
            link.send(rest, more=op.kind == "fin")
            self._say(op.client, f"sent the last {octets(len(rest))} of it")

    def _fin(self, op: Op) -> _Steps:
        link = self.links[op.client]
        if link.queue:
            yield _Until("flush", link, self._player.stuck)
        self._note_stall(link)
        if not link.ended and link.missing:
            if self._player.half_close:
                self.transcript.facts["fin-with-data"] += 1
            elif link.eager:  # a FIN would lose what is under way, and a client that does not read sends none
                yield from self._wait("barrier", link)
        if not self._player.half_close and link.missing:
            return
        link.fin()
        self._say(op.client, "fin")

    def _end(self, op: Op) -> _Steps:
        link = self.links[op.client]
        self._note_stall(link)
        self.transcript.facts["unread-close"] += bool(not link.ended and link.missing)
        self.transcript.facts["reset"] += link.close(reset=op.kind == "rst")
        self.live.pop(op.client, None)
        self._say(op.client, op.kind)
        yield from ()

    def _read(self, op: Op) -> _Steps:
        link = self.links[op.client]
        self._note_stall(link)
        goal = self._targets.get(op.client, 0) + op.count
        if link.dialogue.mirrors:
            # What the kernel never took is not owed; before a FIN the queue may still go out.
            goal = min(goal, len(link.talk.sent) + sum(map(len, link.queue)))
        self._targets[op.client] = goal
        if not link.eager:
            link.budget = max(0, goal - len(link.talk.received))
        yield from self._wait("read", link, goal)
        link.budget = 0
        if op.client in self._sent_at and len(link.talk.received) >= goal:
            self.transcript.latencies.setdefault(op.client, []).append(time.monotonic() - self._sent_at.pop(op.client))
            self._note_overtaken(link)

    def _note_overtaken(self, link: Link) -> None:
        self._look()
        client, overtaken = link.talk.client, self.transcript.overtaken
        others = self._served - len(link.talk.received) - self._served_at[client]
        overtaken[client] = max(overtaken.get(client, 0), others)

    def _read_eof(self, op: Op) -> _Steps:
        link = self.links[op.client]
        link.eager = True
        if link.talk.fin or link.dialogue.closes:  # else nobody owes an end
            yield from self._wait("read_eof", link)

    def _stall(self, op: Op) -> _Steps:
        self.links[op.client].eager = False
        yield from ()

    def _pause(self, op: Op) -> _Steps:
        moved = {client: link.moved for client, link in self.links.items()}
        yield _Until("pause", None, op.count / 1000)
        for client, link in self.links.items():
            self._note_stall(link)
            if link.moved > moved.get(client, 0.0) and time.monotonic() - link.moved < op.count / 4000:
                self.transcript.facts["moving"] += 1

    def _note_stall(self, link: Link) -> None:
        if link.eager:
            return
        facts, talk = self.transcript.facts, link.talk
        facts["blocked"] += bool(talk.blocked and link.queue)
        facts["backlog"] += len(talk.sent) - len(talk.received) > link.backlog

    def _barrier(self, op: Op) -> _Steps:
        client = op.client
        if client < 0:
            client = -1 - sum(1 for known in self.links if known < 0)
            yield from self._open(Op("open", client))
        link = self.links[client]
        if not self._halted and not link.ended and not link.talk.fin:
            link.eager = True
            self._served_at[client] = self._served - len(link.talk.received)
            if nonce := self._player.nonce():
                link.send(nonce)
            yield from self._wait("barrier", link)
            self._targets[client] = len(link.talk.received)
            self._note_overtaken(link)
        if op.client < 0:
            link.close()
            del self.live[client]


def _preview(data: bytearray, start: int) -> str:
    count = len(data) - start
    if count <= 8:
        return octets(count) + (f": {bytes(data[start:]).hex(' ')}" if count else "")
    return f"{octets(count)}: {bytes(data[start : start + 8]).hex(' ')} …"
