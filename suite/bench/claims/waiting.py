"""Who has to wait: whoever is not the one client of an iterative server, and whoever meets a full accept queue."""

import math
import socket
import time
from collections.abc import Sequence

from suite.bench.claims.callers import Caller, Crowd, connected, heard
from suite.bench.claims.judging import FAIL, INCONCLUSIVE, PASS, at_most, doubtful, point, shown, spread
from suite.bench.claims.lab import Lab, Premise
from suite.bench.claims.trial import Finding, Trial
from suite.bench.findings import Plot, Point, Series

__all__ = ("TRIALS", "backlog_delays", "judge_backlog", "one_at_a_time")

PROMPT = 0.1
"""Seconds within which the next client is answered once the one before it has left."""
BACKLOG = 5
"""The one of the textbooks; Linux holds one connection more than it is told."""
RETRANSMIT = 1.0
"""Seconds until a SYN is sent again (RFC 6298 section 2), and then again (Linux, tcp_syn_linear_timeouts)."""
EARLY, LATE = 0.1, 0.6
"""Seconds that a second may be off: timers tick, and the clock is read late."""


def one_at_a_time(lab: Lab, *, hold: float = 2.0, rounds: int = 5) -> Finding:
    """Hold the server for `hold` seconds and let go; further rounds, with a tenth of it, time the change-over only."""
    answered: list[float] = []
    with lab.server("raw-iterative") as server, Crowd() as crowd:
        holder = _asking(crowd, server.address)
        if not heard([holder]) or holder.outcome != "served":
            raise Premise(f"raw-iterative did not serve its only client: {holder.outcome or 'no answer'}")
        for number in range(rounds):
            waiter = _asking(crowd, server.address)
            if heard([waiter], hold if number == 0 else hold / 10):
                return Finding(FAIL, f"B was not left waiting while A was connected: {waiter.outcome}")
            left = time.monotonic()
            holder.sock.close()
            if not heard([waiter]) or waiter.outcome != "served":
                return Finding(FAIL, f"B was not served after A had left: {waiter.outcome or 'no answer in 10 s'}")
            answered.append((waiter.at - left) * 1000)
            holder = waiter
    verdict = at_most(spread(answered), PROMPT * 1000)
    return Finding(
        verdict,
        f"B waited {hold:g} s unanswered while A was connected, and was answered {shown(spread(answered), '.1f')} ms after A had left ({rounds} times){doubtful(verdict)}",
        {"held_ms": hold * 1000, "answered_ms": answered},
        Plot(
            "the time that B waited", "milliseconds", (Series("raw-iterative", (Point(0, hold * 1000), point(1, answered))),),
            log_y=True, bars=True, labels=("while A was connected", "after A had left"),
        ),
    )  # fmt: skip


def _asking(crowd: Crowd, address: tuple[str, int]) -> Caller:
    (caller,) = crowd.call(address)
    caller.say()
    return caller


def backlog_delays(_lab: Lab, *, clients: int = 12, closed: float = 0.6) -> Finding:
    """Dial a listener that accepts nobody for `closed` seconds, and then everybody."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener, Crowd() as crowd:
        listener.setblocking(False)
        callers = [crowd.dial(listener.getsockname()) for _ in range(clients)]
        try:
            connected(callers, closed)
            queued = [caller for caller in callers if caller.up]
            for caller in queued:
                caller.say()
            heard(queued, 0.1)
            early = len(queued)
            ended = [caller.outcome for caller in callers if caller.outcome]
            accepting = 0.0
            end = time.monotonic() + 8.0
            while not connected(callers, 0.02) and time.monotonic() < end:
                try:
                    while True:
                        accepted.append(listener.accept()[0])
                except BlockingIOError:
                    accepting = accepting or time.monotonic() - callers[0].begun
        finally:
            for sock in accepted:
                sock.close()
        took = [caller.up - caller.begun if caller.up else None for caller in callers]
        return judge_backlog(took, early, ended, accepting)


def judge_backlog(took: Sequence[float | None], early: int, ended: Sequence[str], accepting: float) -> Finding:
    """Judge a full queue.

    Args:
        took: seconds until each client was connected; None where it never was.
        early: of them, those that were before anybody was accepted.
        ended: what became of clients meanwhile.
        accepting: seconds after dialling from which on the queue had room.
    """
    clients = len(took)
    late = sorted(seconds for seconds in took if seconds is not None)[early:]
    figures = {
        "backlog": BACKLOG,
        "clients": clients,
        "connected_at_once": early,
        "ended": list(ended),
        "late_s": late,
        "accepting_s": accepting,
    }
    if ended:
        return Finding(FAIL, f"{len(ended)} of {clients} clients did not just wait at a full queue: {', '.join(sorted(set(ended)))}", figures)  # fmt: skip
    if early == clients:
        return Finding(FAIL, f"all {clients} clients were connected at once: a backlog of {BACKLOG} bounds nothing here", figures)  # fmt: skip
    if early + len(late) < clients:
        return Finding(INCONCLUSIVE, f"{clients - early - len(late)} of {clients} clients were still not connected 8 s after accepting had begun", figures)  # fmt: skip
    delay = spread(late)
    due = math.ceil(accepting / RETRANSMIT) * RETRANSMIT
    inside = delay.q1 >= RETRANSMIT - EARLY and delay.q3 <= due + LATE
    verdict = PASS if inside else FAIL if delay.q3 < RETRANSMIT - EARLY else INCONCLUSIVE
    return Finding(
        verdict,
        f"of {clients} clients {early} were connected at once and not served; the other {len(late)} were neither refused nor connected for {accepting:.1f} s, until the server accepted, and connected {shown(delay)} s after dialling"
        + ("" if inside else f", which is not when a SYN is sent again: {due:g} s"),
        figures,
        Plot(
            "client, in order of dialling", "milliseconds until connected",
            (Series(f"backlog {BACKLOG}", tuple(Point(number, seconds * 1000) for number, seconds in enumerate(took, 1) if seconds is not None)),),
            log_y=True,
        ),
    )  # fmt: skip


TRIALS = (
    Trial(
        "one-at-a-time",
        "A server that serves one client at a time leaves the others waiting until it has left.",
        f"B unanswered for 2 s while A is connected, and answered within {PROMPT * 1000:.0f} ms of A's end: 2 s is beyond any scheduling delay, and 100 ms is a hundred times what a loopback exchange takes",
        "accept(2): one call takes one connection from the queue; where it is not called again, the queue waits",
        one_at_a_time,
    ),
    Trial(
        "backlog-delays",
        "A full accept queue delays further clients; it does not refuse them.",
        f"nobody refused or served while nobody accepts; afterwards connected with the next SYN, which is sent again after a second (RFC 6298, section 2): not before {RETRANSMIT - EARLY} s, nor more than {LATE} s after the first full second at which the server accepts",
        "listen(2) on backlog, and tcp(7), tcp_abort_on_overflow: a SYN for a full queue is dropped and sent again",
        backlog_delays,
    ),
)
