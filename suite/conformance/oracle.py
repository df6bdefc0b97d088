"""From a transcript to findings, by what the service's `Oracle` says is owed.

Findings, by kind. Hard ones are facts; soft ones are the absence of something within a calibrated bound.

    wrong      hard  a byte that is not the expected one
    foreign    hard  bytes that another client sent
    extra      hard  more bytes than were owed
    truncated  hard  FIN before everything owed had come
    lost       hard  RST before everything owed had come
    early-fin  hard  FIN although neither the client nor the protocol has finished (everything owed had come)
    reset      hard  RST to an orderly client (everything owed had come)
    unnotified hard  FIN without TLS' close_notify (everything owed had come)
    refused    hard  connection refused, or no TLS handshake, by a server that listened before
    died       hard  the launched process ended
    stalled    soft  bytes owed did not come
    no-fin     soft  everything came, but not the end
    unaccepted soft  the connect itself got no answer
    deaf       soft  a fresh connection gets no answer any more
"""

from collections.abc import Iterator

from suite.conformance.dialogue import Dialogue, Oracle
from suite.conformance.script import Op
from suite.conformance.transcript import ENDED, NEVER, Canary, Conversation, Ending, Transcript
from suite.errors import OracleError
from suite.events import Divergence, Finding

__all__ = ("DATA", "EchoOracle", "Oracle", "divergence", "findings", "octets")

DATA = frozenset({"wrong", "foreign", "extra", "truncated", "lost", "stalled", "refused", "died", "unaccepted", "deaf"})
"""Kinds that mean bytes were not served as owed; `early-fin`, `reset` and `no-fin` are about the ending alone."""


class _Echo(Dialogue):
    """RFC 862: "any data received is sent back until the calling user terminates the connection"."""

    mirrors = True


class EchoOracle(Oracle):
    """The echo service: what was sent is owed."""

    def __init__(self) -> None:
        super().__init__("echo", _Echo, canary=(Op("barrier"),))


def findings(transcript: Transcript, oracle: Oracle) -> list[Finding]:
    """Return every breach a transcript shows, the most telling first."""
    found = [
        finding
        for conversation in transcript.conversations.values()
        for finding in _of(conversation, transcript, oracle)
    ]
    found.extend(_afterwards(transcript))
    found.sort(key=lambda finding: (finding.kind != "died", not finding.hard))
    return found


def _of(talk: Conversation, transcript: Transcript, oracle: Oracle) -> Iterator[Finding]:
    client = talk.client
    if talk.raw and talk.ending not in NEVER:
        return
    if talk.ending in (Ending.REFUSED, Ending.SHAKEN):
        how = "connection refused" if talk.ending is Ending.REFUSED else f"{talk.ending}: {talk.detail}"
        yield Finding("refused", client, "a connection", how, hard=True)
        return
    if talk.ending is Ending.UNANSWERED:
        yield Finding("unaccepted", client, "a connection", "no answer to the connect", hard=False)
        return
    if talk.diverged is not None:
        yield _divergence(talk, transcript, oracle)
        return
    if talk.ending in ENDED:
        yield from _end(talk, oracle)
        return
    for wait in transcript.waits:
        if wait.client == client and wait.missing:
            owed = oracle.conversation().wanted() or octets(len(talk.received) + wait.missing)
            yield Finding(
                "stalled",
                client,
                owed,
                f"{octets(len(talk.received))}, then nothing for {wait.seconds:.1f} s",
                hard=False,
            )
        elif wait.client == client:
            yield Finding(
                "no-fin",
                client,
                "FIN after the client's FIN" if talk.fin else "FIN once everything is answered",
                f"all bytes came, but no end within {wait.seconds:.1f} s",
                hard=False,
            )


def _end(talk: Conversation, oracle: Oracle) -> Iterator[Finding]:
    # What was sent after the end was seen is owed nothing.
    right = oracle.replay(talk.sent[: talk.sent_at_end], fin=talk.fin)
    got, how = len(talk.received), talk.ending.value
    short = got < len(right.owed) if right.exact else right.mismatch(talk.received, got, ended=True) is not None
    if short:
        kind = "lost" if talk.ending is Ending.RST else "truncated"
        owed = right.wanted() or octets(len(right.owed))
        yield Finding(kind, talk.client, f"{owed}, then FIN", f"{octets(got)}, then {how}", hard=True)
    elif talk.ending is Ending.RST:
        yield Finding("reset", talk.client, "FIN", f"RST after all of {octets(got)}", hard=True)
    elif not talk.fin and not right.closes:
        yield Finding(
            "early-fin",
            talk.client,
            "the connection stays open until the client ends it",
            f"{how} after {octets(got)}",
            hard=True,
        )
    elif talk.ending is Ending.CUT:
        yield Finding(
            "unnotified", talk.client, "close_notify, then FIN", f"{how} after all of {octets(got)}", hard=True
        )


def _divergence(talk: Conversation, transcript: Transcript, oracle: Oracle) -> Finding:
    at = talk.diverged or 0
    right = oracle.replay(talk.sent, fin=talk.fin)
    expected = right.owed
    if not right.exact:
        reading = right.reading(bytes(talk.received))
        seen = _hex(bytes(talk.received[at : at + 8])) + (f" ({reading})" if reading else "")
        return Finding("wrong", talk.client, right.wanted(), f"{seen} at offset {at}", hard=True)
    if oracle.foreign and right.mismatch(talk.received, 0, ended=False) is None:
        raise OracleError(
            f"the oracle {oracle.service} is not deterministic: asked again, it owes what it had called wrong; mend the oracle"
        )
    got, want = bytes(talk.received[at : at + 8]), bytes(expected[at : at + 8])
    if at >= len(expected):
        more = len(talk.received) - len(expected)
        origin = _origin(bytes(talk.received[at : at + 16]), talk, transcript)
        return Finding(
            "foreign" if origin else "extra",
            talk.client,
            f"nothing after byte {len(expected)}",
            f"{more} more: {_hex(got)}{origin}",
            hard=True,
        )
    origin = _origin(bytes(talk.received[at : at + 16]), talk, transcript)
    return Finding(
        "foreign" if origin else "wrong", talk.client, f"{_hex(want)} at offset {at}", f"{_hex(got)}{origin}", hard=True
    )


def _origin(sample: bytes, talk: Conversation, transcript: Transcript) -> str:
    # Eight equal bytes of seeded randomness are no coincidence. Clients may send the same bytes: what is the client's
    # own, only in the wrong place, is not told to be another's.
    if len(sample) >= 8 and sample not in talk.sent:
        for other in transcript.conversations.values():
            if other is not talk and sample in other.sent:
                return f" (sent by client {other.client})"
    return ""


def divergence(transcript: Transcript, oracle: Oracle) -> Divergence | None:
    """Return where the first stream of a transcript that is not as owed leaves the right path."""
    for talk in transcript.conversations.values():
        ended = talk.ending in ENDED
        right = oracle.replay(talk.sent[: talk.sent_at_end] if ended else talk.sent, fin=talk.fin)
        if not right.exact:
            continue
        owed = right.owed
        at = talk.diverged
        if at is None:
            ended = ended or any(wait.client == talk.client and wait.missing for wait in transcript.waits)
            if not ended or len(talk.received) >= len(owed):
                continue
            at = len(talk.received)
        start = max(0, at - 8) // 8 * 8
        window = slice(start, start + 32)
        return Divergence(talk.client, at, start, bytes(owed[window]), bytes(talk.received[window]))
    return None


def octets(count: int) -> str:
    """Render a number of bytes: 0 bytes, 1 byte, 2 bytes."""
    return f"{count} byte" if count == 1 else f"{count} bytes"


def _hex(data: bytes) -> str:
    return data.hex(" ")


def _afterwards(transcript: Transcript) -> Iterator[Finding]:
    if transcript.died is not None:
        yield Finding("died", -1, "the server lives", transcript.died, hard=True)
    match transcript.canary:
        case None | Canary.OK:
            return
        case Canary.REFUSED:
            yield Finding("refused", -1, "a new client is served", "connection refused", hard=True)
        case Canary.WRONG:
            yield Finding("wrong", -1, "a new client gets its own bytes", "wrong bytes", hard=True)
        case Canary.ENDED:
            yield Finding("truncated", -1, "a new client is served", "closed without an answer", hard=True)
        case Canary.SILENT:
            yield Finding("deaf", -1, "a new client is served", "no answer", hard=False)
