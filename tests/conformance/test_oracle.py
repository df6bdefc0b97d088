"""The table of findings, row by row, over transcripts made by hand."""

from dataclasses import replace

import pytest

from suite.conformance.oracle import DATA, EchoOracle, divergence, findings
from suite.conformance.script import Payload
from suite.conformance.transcript import Canary, Conversation, Ending, Transcript, Wait
from suite.events import Divergence

SENT = b"0123456789"


def talk(
    received: bytes, ending: Ending = Ending.OPEN, *, sent: bytes = SENT, fin: bool = False, client: int = 0
) -> Conversation:
    """Record a conversation; where it diverges follows from its bytes."""
    same = next((at for at, pair in enumerate(zip(sent, received, strict=False)) if pair[0] != pair[1]), None)
    if same is None and len(received) > len(sent):
        same = len(sent)
    return Conversation(
        client, bytearray(sent), bytearray(received), ending, sent_at_end=len(sent), fin=fin, diverged=same
    )


def record(*talks: Conversation, wait: Wait | None = None) -> Transcript:
    transcript = Transcript((), {one.client: one for one in talks})
    if wait is not None:
        transcript.waits.append(wait)
    return transcript


@pytest.mark.parametrize(
    ("transcript", "kind", "hard"),
    [
        (record(talk(b"01234X6789")), "wrong", True),
        (record(talk(SENT + b"\0")), "extra", True),
        (record(talk(b"x", sent=b"")), "extra", True),
        (record(talk(SENT[:4], Ending.FIN, fin=True)), "truncated", True),
        (record(talk(SENT[:4], Ending.FIN)), "truncated", True),
        (record(talk(SENT[:4], Ending.RST, fin=True)), "lost", True),
        (record(talk(SENT, Ending.FIN)), "early-fin", True),
        (record(talk(b"", Ending.FIN, sent=b"")), "early-fin", True),
        (record(talk(SENT, Ending.RST, fin=True)), "reset", True),
        (record(talk(SENT, Ending.RST)), "reset", True),
        (record(talk(b"", Ending.REFUSED, sent=b"")), "refused", True),
        (record(talk(b"", Ending.UNANSWERED, sent=b"")), "unaccepted", False),
        (record(talk(SENT[:9]), wait=Wait(0, "read", 1, 1.0)), "stalled", False),
        (record(talk(SENT[:9], fin=True), wait=Wait(0, "read_eof", 1, 1.0)), "stalled", False),
        (record(talk(SENT, fin=True), wait=Wait(0, "read_eof", 0, 1.0)), "no-fin", False),
        (replace(record(talk(SENT)), died="exited with status 1"), "died", True),
        (replace(record(talk(SENT)), canary=Canary.REFUSED), "refused", True),
        (replace(record(talk(SENT)), canary=Canary.WRONG), "wrong", True),
        (replace(record(talk(SENT)), canary=Canary.ENDED), "truncated", True),
        (replace(record(talk(SENT)), canary=Canary.SILENT), "deaf", False),
    ],
)
def test_each_breach_has_its_kind(transcript: Transcript, kind: str, hard: bool) -> None:
    (finding,) = findings(transcript, EchoOracle())
    assert (finding.kind, finding.hard) == (kind, hard)


@pytest.mark.parametrize(
    "transcript",
    [
        record(talk(SENT)),
        record(talk(SENT[:3])),  # nothing waited for the rest
        record(talk(b"")),
        record(talk(SENT, Ending.FIN, fin=True)),
        record(talk(b"", Ending.FIN, sent=b"", fin=True)),
        record(talk(SENT[:3], client=0), talk(SENT, client=1)),
        replace(record(talk(SENT)), canary=Canary.OK),
    ],
)
def test_a_right_server_is_found_guilty_of_nothing(transcript: Transcript) -> None:
    assert findings(transcript, EchoOracle()) == []


def test_what_was_sent_after_the_end_is_owed_nothing() -> None:
    conversation = talk(SENT[:4], Ending.FIN, fin=True)
    conversation.sent_at_end = 4
    assert findings(record(conversation), EchoOracle()) == []


def test_a_wait_blames_only_the_client_that_waited() -> None:
    transcript = record(talk(SENT[:3], client=0), talk(SENT[:5], client=1), wait=Wait(1, "read", 5, 1.0))
    (finding,) = findings(transcript, EchoOracle())
    assert (finding.kind, finding.client) == ("stalled", 1)
    assert (finding.expected, finding.actual) == ("10 bytes", "5 bytes, then nothing for 1.0 s")


def test_wrong_bytes_are_shown_with_their_offset() -> None:
    (finding,) = findings(record(talk(b"0123\xff56789")), EchoOracle())
    assert finding.expected == "34 35 36 37 38 39 at offset 4"
    assert finding.actual == "ff 35 36 37 38 39"


def test_another_client_s_bytes_are_foreign() -> None:
    mine, theirs = Payload.random(64, 1).data, Payload.random(64, 2).data
    instead = record(talk(theirs[20:40], sent=mine), talk(theirs, sent=theirs, client=1))
    (finding,) = findings(instead, EchoOracle())
    assert (finding.kind, finding.client) == ("foreign", 0)
    assert "client 1" in finding.actual
    beyond = record(talk(mine + theirs[:20], sent=mine), talk(b"", sent=theirs, client=1))
    (finding,) = findings(beyond, EchoOracle())
    assert (finding.kind, finding.client) == ("foreign", 0)


def test_a_few_equal_bytes_are_a_coincidence() -> None:
    transcript = record(talk(b"\0\0", sent=b"\1\1"), talk(b"", sent=b"\0\0\0", client=1))
    assert [finding.kind for finding in findings(transcript, EchoOracle())] == ["wrong"]


def test_one_s_own_bytes_in_the_wrong_place_are_not_foreign() -> None:
    mine = Payload.random(64, 1).data
    (finding,) = findings(record(talk(mine[16:], sent=mine)), EchoOracle())
    assert finding.kind == "wrong"


def test_facts_come_before_absences() -> None:
    transcript = record(talk(SENT[:3], client=0), talk(b"wrong bytes", client=1), wait=Wait(0, "read", 7, 1.0))
    assert [finding.kind for finding in findings(transcript, EchoOracle())] == ["wrong", "stalled"]


def test_endings_are_no_matter_of_the_data() -> None:
    assert not DATA & {"early-fin", "reset", "no-fin"}


@pytest.mark.parametrize(
    ("sent", "received", "ending", "diverged", "seen"),
    [
        (b"abcdef", b"abXdef", Ending.OPEN, 2, Divergence(0, 2, 0, b"abcdef", b"abXdef")),
        (b"abcdef", b"ab", Ending.FIN, None, Divergence(0, 2, 0, b"abcdef", b"ab")),
        (b"ab", b"abc", Ending.OPEN, 2, Divergence(0, 2, 0, b"ab", b"abc")),
        (bytes(40) + b"1", bytes(40) + b"2", Ending.RST, 40, Divergence(0, 40, 32, bytes(8) + b"1", bytes(8) + b"2")),
        (b"abc", b"abc", Ending.RST, None, None),
        (b"abc", b"", Ending.OPEN, None, None),
    ],
)
def test_where_a_stream_leaves_the_right_path(
    sent: bytes, received: bytes, ending: Ending, diverged: int | None, seen: Divergence | None
) -> None:
    talk = Conversation(0, bytearray(sent), bytearray(received), ending, len(sent), diverged=diverged)
    assert divergence(Transcript((), {0: talk}), EchoOracle()) == seen
