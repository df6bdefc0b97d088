"""Specimens of the families that need few clients: each fault is named by its check, and odd but right servers by none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from suite import conformance
from suite.conformance.checks import catalogue, find
from suite.conformance.oracle import EchoOracle, findings
from suite.conformance.plan import Check, Plan
from suite.conformance.player import Player
from suite.conformance.target import resolve
from suite.conformance.transcript import Transcript
from suite.events import Finding
from suite.process import Server

SPECIMENS = Path(conformance.__file__).parents[1] / "specimens"
ORACLE = EchoOracle()

RED = (
    ("line_buffered", "fid-one-byte", "stalled"),
    ("second_connection", "fid-one-byte", "stalled"),
    ("strips_cr", "fid-all-bytes", "wrong"),
    ("text_decode", "fid-no-decode", "truncated"),
    ("sends_allocated_length", "fid-length", "extra"),
    ("one_length", "fid-length", "stalled"),
    ("stale_buffer", "fid-no-stale", "extra"),
    ("far_bit", "fid-large", "wrong"),
    ("past_one_mebibyte", "fid-large", "wrong"),
    ("greeting_banner", "fid-empty", "extra"),
    ("keepalive_byte", "fid-unsolicited", "extra"),
    ("exactly_three_clients", "fid-generated", "wrong"),
    ("past_a_total", "fid-generated", "wrong"),
    ("one_recv_one_message", "seg-split", "wrong"),
    ("one_recv_one_message", "seg-byte-by-byte", "wrong"),
    ("edge_read_once", "seg-coalesced", "stalled"),
    ("withholds_tail", "seg-coalesced", "stalled"),
    ("waits_for_more", "seg-small-latency", "stalled"),
    ("right_batching", "seg-pingpong", "slow"),
    ("multiple_of_4096", "seg-boundaries", "stalled"),
    ("multiple_of_4096", "seg-generated", "stalled wrong"),
    ("out_of_order", "ord-pipelined", "wrong"),
    ("out_of_order", "ord-duplex", "wrong"),
    ("out_of_order", "ord-generated", "wrong"),
    ("requeues_at_tail", "ord-after-stall", "wrong"),
    ("eof_drops_reply", "hc-immediate", "truncated"),
    ("close_unread_rst", "hc-immediate", "lost truncated"),
    ("eof_drops_backlog", "hc-late-reader", "truncated"),
    ("eof_drops_backlog", "hc-generated", "truncated"),
    ("ignores_eof", "hc-idle", "no-fin"),
    ("one_shot", "hc-no-early-fin", "early-fin"),
    ("idle_timeout", "hc-no-early-fin", "early-fin"),
    ("linger_zero", "hc-clean-end", "reset"),
    ("repeats_at_eof", "hc-no-write-after-eof", "extra"),
    ("unbounded_buffer", "bp-bounded", "unbounded"),
    ("lost_write_interest", "bp-resume", "stalled"),
    ("ignored_short_send", "bp-resume", "stalled wrong"),
    ("write_timeout", "bp-trickle", "lost truncated"),
    ("write_timeout", "bp-resume", "lost truncated"),
    ("queue_deadlock", "bp-deadlock", "stalled"),
    ("blocking_sendall", "bp-generated", "stalled"),
)
"""Specimen, the check that names it, and what that check says: one of these kinds of finding."""

ODD = ("right_one_byte", "right_batching", "right_tiny_buffers", "right_delayed")
QUICK = """
    fid-one-byte fid-all-bytes fid-no-decode fid-no-stale fid-empty fid-large seg-split seg-byte-by-byte
    seg-small-latency ord-pipelined ord-after-stall hc-immediate hc-idle hc-clean-end hc-no-write-after-eof bp-bounded
"""


@contextmanager
def running(specimen: str, patience: float) -> Iterator[Player]:
    with Server.start([sys.executable, str(SPECIMENS / f"{specimen}.py"), "{host}", "{port}"]) as server:
        yield Player(resolve(*server.address)[0], ORACLE, patience=patience)


def breaches(check: Check, transcript: Transcript) -> list[Finding]:
    found = [finding for finding in findings(transcript, ORACLE) if finding.kind in check.faults]
    judged = check.judge(transcript) if check.judge else None
    return [*found, judged] if judged else found


def first_breach(check: Check, plan: Plan, player: Player) -> Finding | None:
    scripts = list(check.scripts(plan))
    batches = [scripts] if check.overlap else [[script] for script in scripts]
    transcripts = (transcript for batch in batches for transcript in player.play_together(batch))
    return next((finding for transcript in transcripts for finding in breaches(check, transcript)), None)


@pytest.mark.parametrize(("specimen", "name", "kinds"), RED, ids=[f"{row[0]}-{row[1]}" for row in RED])
def test_the_fault_is_named(specimen: str, name: str, kinds: str) -> None:
    with running(specimen, patience=0.7) as player:
        finding = first_breach(find(name), Plan(1, most_clients=8, check=name), player)
    assert finding is not None
    assert finding.kind in kinds.split()


@pytest.mark.parametrize("specimen", ODD)
def test_odd_is_not_wrong(specimen: str) -> None:
    with running(specimen, patience=20.0) as player:
        for name in QUICK.split():
            # As calibration finds the slowest of them: 100 kB and five answers a second. Side by side to save time.
            check, plan = find(name), Plan(1, most_clients=8, rate=1e5, round_trip=0.2, check=name)
            for transcript in player.play_together(list(check.scripts(plan))):
                assert (name, breaches(check, transcript)) == (name, [])


def test_every_check_of_these_families_is_shown_red() -> None:
    families = {"fidelity", "segmentation", "ordering", "half-close", "backpressure"}
    shown = {(find(name).id, f"{specimen}.py") for specimen, name, _ in RED}
    assert {(check.id, check.specimen) for check in catalogue() if check.family in families} <= shown
