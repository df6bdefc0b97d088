"""Plays scripts: one thread, non-blocking sockets, one poll, deadlines that start anew while bytes move.

Several scripts may play side by side; their waits then overlap.
"""

import random
import select
import time
from collections.abc import Sequence
from math import inf

from suite.conformance.address import Address
from suite.conformance.dialogue import Oracle
from suite.conformance.link import Link
from suite.conformance.oracle import findings
from suite.conformance.run import STUCK, Run
from suite.conformance.script import Script
from suite.conformance.transcript import Canary, Ending, Transcript
from suite.conformance.watching import Watch

__all__ = ("Player",)

LONGEST = 20.0
SHORTEST = 5.0
"""Seconds after which a script is cut, first and last: half as many each time that one was, for a server that has proven
slow need not prove it at length in every check."""


class Player:
    """Plays scripts against one address.

    Args:
        address: where to connect.
        oracle: what the service owes.
        patience: seconds without movement after which a wait runs out.
        stuck: seconds without movement after which a half-close drops what the kernel will not take.
        cap: seconds after which a single wait ends although bytes still move: the transfer is slow, not wrong.

    Attributes:
        half_close: a client may half-close before it has all that it is owed.
        answer: the first bytes that the last canary received.
        end_patience: seconds to wait, at least, for the end of a connection when every byte has come.
        longest: seconds after which a script is cut, as too slow.
        watch: what can be seen of the server's processes; None where nobody may look.
    """

    def __init__(self, address: Address, oracle: Oracle, *, patience: float = 5.0, cap: float = 30.0) -> None:
        self.address = address
        self.patience = patience
        self.stuck = STUCK
        self.cap = cap
        self.answer = b""
        self.end_patience = 0.0
        self.longest = LONGEST
        self.watch: Watch | None = None
        self.half_close = True
        self._rush = 0  # connects in a row that the accept queue has room for; 0 while it never was too short
        self.oracle = oracle
        self._nonces = random.Random(0x5EED)

    def play(self, script: Script) -> Transcript:
        """Play one script."""
        return self.play_together([script])[0]

    def play_together(self, scripts: Sequence[Script]) -> list[Transcript]:
        """Play scripts side by side; return their transcripts in the same order."""
        runs = [Run(self, script) for script in scripts]
        poll = select.poll()
        known: dict[int, tuple[int, Link]] = {}
        live = list(runs)
        try:
            while True:
                live = [run for run in live if run.advance()]
                if not live:
                    break
                links = {link.fd: (link, run) for run in live for link in run.live.values() if link.mask}
                for fd in known.keys() - links.keys():
                    poll.unregister(fd)
                    del known[fd]
                for fd, (link, _) in links.items():
                    mask = link.mask
                    if known.get(fd, (0, None)) != (mask, link):
                        poll.register(fd, mask)
                        known[fd] = (mask, link)
                wait = max(0.0, min(run.deadline() for run in live) - time.monotonic())
                if not self.address.polled:
                    wait = min(wait, _nudge(live))
                for fd, events in poll.poll(wait * 1000 + 0.5):
                    link, run = links[fd]
                    run.stirred[link] = None
                    if events & (select.POLLIN | select.POLLHUP | select.POLLERR):
                        link.on_readable()
                    if events & select.POLLOUT and not link.ended:
                        link.on_writable()
        finally:
            for run in runs:
                run.close()
        if any(run.transcript.slow for run in runs):
            self.longest = max(SHORTEST, self.longest / 2)
        return [run.transcript for run in runs]

    def canary(self, patience: float | None = None) -> tuple[Canary, float]:
        """Connect afresh, try the oracle's canary; return what happened and the seconds it took."""
        start = time.monotonic()
        before, self.patience = self.patience, patience or self.patience
        try:
            transcript = self.play(self.oracle.canary)
        finally:
            self.patience = before
        talk = next(iter(transcript.conversations.values()))
        self.answer = bytes(talk.received[:64])
        seconds = time.monotonic() - start
        if talk.diverged is not None:
            return Canary.WRONG, seconds
        if talk.ending in (Ending.REFUSED, Ending.SHAKEN):
            return Canary.REFUSED, seconds
        if transcript.waits or talk.ending is Ending.UNANSWERED:
            return Canary.SILENT, seconds
        short = any(finding.kind in ("truncated", "lost") for finding in findings(transcript, self.oracle))
        if self.oracle.echoes and not talk.received:
            short = True  # it may have ended before there was anything to owe
        return (Canary.ENDED if short else Canary.OK), seconds

    def overrun(self) -> None:
        """Connect fewer in a row from now on: each SYN that is sent again costs a second, and proves nothing."""
        self._rush = max(1, self._rush // 2) if self._rush else 4

    def paced(self, connects: int) -> bool:
        """Whether to pause after so many connects."""
        return self._rush > 0 and connects % self._rush == 0

    def nonce(self) -> bytes:
        """Return a fresh nonce: 16 ASCII bytes, the last a newline, so that line-wise servers answer it too.

        What is no echo gets none: its barriers wait for what is owed anyway.
        """
        if not self.oracle.echoes:
            return b""
        return b"%015x\n" % self._nonces.getrandbits(60)


def _nudge(runs: Sequence[Run]) -> float:
    """Let links do what poll(2) gives no event for; return the seconds until they want to be asked again."""
    wait = inf
    for run in runs:
        for link in run.live.values():
            pause = link.nudge()
            if not pause:
                run.stirred[link] = None
            wait = min(wait, pause)
    return wait
