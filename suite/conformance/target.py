"""A server under test as the engine sees it: where it is, how fast it answers, whether it lives, how to start it anew."""

import signal
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Self

from suite.conformance.address import Address, resolve
from suite.conformance.dialogue import Oracle
from suite.conformance.injecting import unavailable
from suite.conformance.oracle import EchoOracle, findings
from suite.conformance.plan import NEEDS
from suite.conformance.player import Player
from suite.conformance.processes import Processes
from suite.conformance.run import STUCK
from suite.conformance.script import Op, Payload, Script
from suite.conformance.transcript import NEVER, Canary, Ending, Transcript
from suite.errors import TargetError
from suite.process import Server, last_words
from suite.registry import Capabilities

__all__ = ("Target",)

FIRST_PATIENCE = 5.0
ANSWERED = 2.0
"""Seconds that a wait lasts at least, once the target has answered anything."""
FLOOR = 1.0
"""Seconds that a wait lasts at least, once calibrated: a busy machine delays a right server by tenths."""
END_PATIENCE = 5.0
"""Seconds to wait for the end of a connection when every byte has come: to close late is odd, but right."""
ROUND_TRIPS, CALIBRATION = 20, 2.0
"""Round trips taken, or seconds, whichever is over first."""
EXCHANGES, TIMES = 5, 50
"""Exchanges timed at each length; and a wait lasts so many times the slowest of this target's own round trips."""
DYING = 0.5
"""Seconds within which a launched server that turned a canary away may yet turn out to be dead."""


class Target:
    """A server under test.

    Args:
        name: how the user called it.
        kind: "own", "control", "peer", "unavailable", "address" or "command".
        capabilities: what it declares.
        addresses: where it may be, tried in this order (an address target).
        start: starts it (a launched target); exactly one of the two is given.
        factor: multiplies every wait.
        pid: process of a server that is not launched, if its processes may be looked at.
        nofile: descriptors that a launched server was explicitly given; None leaves it the usual number.
        command: the words that start it, where the user gave them.
        oracle: what its service owes; echo, when none is given.
        tls: a launched server speaks TLS.
        inject: errors may be injected into a launched server's system calls.

    Attributes:
        oracle: what its service owes.
        history: scripts played since it was started.
        answer: the first bytes that the last canary received.
        round_trip, visit: seconds of a short exchange, once calibrated: the median on an open connection, the mean on new ones.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        capabilities: Capabilities,
        *,
        addresses: tuple[Address, ...] = (),
        start: Callable[[], Server] | None = None,
        factor: float = 1.0,
        pid: int | None = None,
        nofile: int | None = None,
        command: tuple[str, ...] = (),
        oracle: Oracle | None = None,
        tls: bool = False,
        inject: bool = False,
    ) -> None:
        self.name = name
        self.nofile = nofile
        self.inject = inject
        self._pid = pid
        self.kind = kind
        self.capabilities = capabilities
        self.command = command
        self.oracle = oracle or EchoOracle()
        self.history: list[Script] = []
        self.answer = b""
        self.round_trip = self.visit = 0.001
        self._addresses = addresses
        self._tls = tls
        self._start = start
        self._factor = factor
        self._server: Server | None = None
        self._round_trips: list[float] = []
        self._deaf = False
        self._hurried = False
        self._patience = FIRST_PATIENCE * factor
        self._end_patience = END_PATIENCE * factor
        self._player: Player
        self._processes: Processes

    def __enter__(self) -> Self:
        """Start the server, or choose the first address.

        Raises:
            TargetError: the command cannot be started or never listens.
        """
        if self._start is not None:
            self._server = self._start()
            address = resolve(*self._server.address, tls=self._tls)[0]
        else:
            address = self._addresses[0]
        self._player = Player(address, self.oracle, patience=self._patience)
        self._player.half_close = not self.capabilities.no_half_close
        self._processes = Processes(self._server, self._pid)
        self._player.watch = self._processes if self.offers("pid") else None
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop(grace=1.0)

    @property
    def launched(self) -> bool:
        """Whether the server is ours to restart."""
        return self._server is not None

    def lacks(self, need: str) -> str:
        """Say why the target does not offer what a check needs, or nothing."""
        for word in need.split():
            if not self.offers(word):
                return NEEDS[word]
            if word == "inject" and (why := unavailable()):
                return why
        return ""

    def offers(self, need: str) -> bool:
        """Whether the target offers what a check needs (see `plan.NEEDS`)."""
        match need:
            case "pid":
                return self._start is not None or self._pid is not None
            case "launch":
                return self._start is not None
            case "nofile":
                return self.nofile is not None and 32 <= self.nofile <= 512
            case "wide":
                return self.nofile is not None and self.nofile > 1200
            case "half-close":
                return not self.capabilities.no_half_close
            case "calls":
                return not self.capabilities.io_uring
            case "inject":
                return self._start is not None and self.inject
        return not need or self._player.address.offers(need)

    @property
    def pid(self) -> int | None:
        """The process that serves, as far as it is known."""
        return self._server.pid if self._server is not None else self._pid

    @property
    def address(self) -> str:
        """The address in use, as a user would write it."""
        return str(self._player.address)

    @property
    def where(self) -> str:
        """The address in use, as nc(1) takes it."""
        return self._player.address.netcat

    @property
    def patience(self) -> float:
        """Seconds without movement after which a wait runs out."""
        return self._patience

    @property
    def short(self) -> float:
        """A shorter patience for shrinking a stall that full patience has confirmed."""
        if not self._round_trips:
            return self._patience
        return min(self._patience, max(0.15, 20 * max(self._round_trips)) * self._factor)

    def next_address(self) -> bool:
        """Go on to the next address of the host; False when there is none."""
        later = self._addresses[self._addresses.index(self._player.address) + 1 :] if self._addresses else ()
        if later:
            self._player.address = later[0]
        return bool(later)

    def declared(self) -> Mapping[str, Any]:
        """Return the declared capabilities that say something."""
        return {name.replace("_", "-"): value for name, value in asdict(self.capabilities).items() if value}

    def play(self, script: Script, *, patience: float | None = None, canary: bool = False) -> Transcript:
        """Play one script, look after the server, and try a canary if asked, or if a wait ran out."""
        self._player.patience = patience or self._patience
        self._player.end_patience = 0.0 if patience else self._end_patience
        transcript = self._perform(script)
        if not self._round_trips and (took := [max(times) for times in transcript.latencies.values()]):
            self._patience = min(self._patience, max(ANSWERED, TIMES * max(took)) * self._factor)
        transcript.facts["nofile"] = self.nofile or 0
        if transcript.stop is not None:  # it was told to end; what follows meets a new one
            self.fresh()
            return transcript
        self._look_after(transcript, canary=canary, patience=patience)
        if transcript.waits and transcript.canary is Canary.OK and self._slowed():
            # The machine, not the server: even a fresh connection took ten times its usual round trip.
            self._player.patience = 3 * (patience or self._patience)
            transcript = self._perform(script)
            self._look_after(transcript, canary=canary, patience=patience)
        self.history.append(script)
        return transcript

    def _perform(self, script: Script) -> Transcript:
        try:
            transcript = self._player.play(script)
        finally:
            self._processes.thaw()
            left = self._processes.heal()
        transcript.facts["injected"] += left
        return transcript

    def first(self, script: Script, *, patience: float | None = None, canary: bool = False) -> Transcript:
        """Play the very first script, which tells whether anything listens at all; try each address of the host.

        Raises:
            TargetError: nothing listens.
        """
        while True:
            transcript = self.play(script, patience=patience, canary=canary)
            talks = transcript.conversations.values()
            if not talks or any(talk.ending not in NEVER for talk in talks) or self.death() is not None:
                return transcript
            talk = next(iter(talks))
            if not self.next_address():
                why = f"connection {talk.ending}" if talk.ending is Ending.REFUSED else f"{talk.ending}"
                if talk.ending is Ending.SHAKEN:
                    raise TargetError(f"cannot speak TLS with {self.address}: {talk.detail or why}")
                raise TargetError(
                    f"cannot connect to {self.address}: {why}; is the server running, and is this its address?"
                )

    def play_together(self, scripts: list[Script]) -> list[Transcript]:
        """Play scripts side by side."""
        self._player.patience = self._patience
        self._player.end_patience = self._end_patience
        transcripts = self._player.play_together(scripts)
        for transcript in transcripts:
            self._look_after(transcript, canary=False)
        self.history += scripts
        return transcripts

    def _look_after(self, transcript: Transcript, *, canary: bool, patience: float | None = None) -> None:
        suspicious = any(
            finding.kind not in ("wrong", "foreign", "extra") for finding in findings(transcript, self.oracle)
        )
        transcript.died = self.death()
        if transcript.died is None and (canary or suspicious or transcript.waits):
            transcript.canary = self.canary(patience)
            if transcript.canary is not Canary.OK:
                transcript.died = self.death(within=DYING if transcript.canary is not Canary.SILENT else 0.0)

    def canary(self, patience: float | None = None) -> Canary:
        """Try a fresh connection; a silent one gets a second, longer chance, unless `patience` says how long to wait."""
        # Of a server that was deaf once, two chances would prove no more than one that waits as long.
        long = max(FIRST_PATIENCE * self._factor, self._patience)
        self._player.patience = patience or (min(long, 2 * self._patience) if self._deaf else self._patience)
        result, seconds = self._player.canary()
        self.history.append(self.oracle.canary)
        if result is Canary.SILENT and patience is None and not self._deaf:
            result, seconds = self._player.canary(long)
            self._deaf = result is Canary.SILENT
        self.answer = self._player.answer
        if result is Canary.OK:
            self._round_trips.append(seconds)
            del self._round_trips[:-100]
        return result

    def _slowed(self) -> bool:
        return len(self._round_trips) > ROUND_TRIPS and self._round_trips[-1] > max(
            0.1, 10 * statistics.median(self._round_trips)
        )

    def calibrate(self) -> float:
        """Learn how fast this target answers, and set the waits by it; return the bytes a second that it echoes."""
        enough = time.monotonic() + CALIBRATION
        for _ in range(ROUND_TRIPS):
            if self.canary() is not Canary.OK or time.monotonic() > enough:
                break
        if self._round_trips:
            slowest = max(self._round_trips)
            self.visit = statistics.fmean(sorted(self._round_trips)[: -(ROUND_TRIPS // 10)] or [slowest])
            self._patience = max(FLOOR, TIMES * slowest) * self._factor
            self._player.stuck = max(STUCK, 10 * slowest) * self._factor
        if not self.oracle.echoes:  # any bytes at any length would be no message
            self.round_trip = statistics.median(self._round_trips or [self.round_trip])
            return 0.0
        for length in (16, 1400):  # one byte more than a small buffer may cost a delayed acknowledgement each time
            exchange = (Op("send", 0, Payload.random(length, 1)), Op("read", 0, count=length))
            if times := self.play((Op("open", 0), *exchange * EXCHANGES)).latencies.get(0):
                self.round_trip = max(statistics.median(times), self.round_trip if length > 16 else 0.0)
        rate = 0.0
        for length in (1 << 16, 1 << 20):
            start = time.monotonic()
            transcript = self.play(
                (Op("open", 0), Op("send", 0, Payload.random(length, 1)), Op("read", 0, count=length))
            )
            if not transcript.completed:
                break
            seconds = time.monotonic() - start
            rate = length / seconds
            if seconds > 0.05:
                break
        return rate

    def give_up_ends(self) -> None:
        """Wait for the end of a connection no longer than for bytes, once it was proven that none comes."""
        self._end_patience = 0.0

    def hurry(self) -> None:
        """Wait half as long from now on, once: of a server that fails everywhere nobody wants to hear in minutes."""
        if not self._hurried:
            self._hurried = True
            self._patience = max(self.short, self._patience / 2)

    def death(self, within: float = 0.0) -> str | None:
        """Say how the launched server ended, or None while it lives (or is not ours).

        Args:
            within: seconds to wait for it: a process' sockets close a moment before it can be waited for.
        """
        if self._server is None:
            return None
        deadline = time.monotonic() + within
        while (status := self._server.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if status is None:
            return None
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
        last = last_words(self._server.output())
        return f"the server {how}" + (f": {last[:120]}" if last else "")

    def fresh(self) -> None:
        """Start a launched server anew.

        Raises:
            TargetError: it does not start any more, or is not ours to start.
        """
        if self._server is None:
            raise TargetError(f"{self.name} is not ours to restart")
        self._server.restart()
        self._player.address = resolve(*self._server.address, tls=self._tls)[0]
        self.history.clear()

    def revive(self) -> bool:
        """Make sure that a server is there to be played with: restart one that died; False when that cannot be done."""
        if self.death() is None:
            return True
        try:
            self.fresh()
        except TargetError:
            return False
        return True
