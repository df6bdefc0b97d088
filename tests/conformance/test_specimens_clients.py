"""Specimens of the families that need several clients: each fault is named by its check, odd but right servers by none."""

import sys
from pathlib import Path

import pytest

from suite import conformance
from suite.conformance import targets
from suite.conformance.checks import catalogue, find
from suite.conformance.confirm import breach
from suite.conformance.plan import Check, Plan
from suite.conformance.target import Target
from suite.events import Finding

SPECIMENS = Path(conformance.__file__).parents[1] / "specimens"
FAMILIES = {"disconnect", "reset", "concurrency", "isolation", "fairness"}
PASSES = 3
"""Faults that need two events in one wake-up are races: one pass of a check's scripts misses some of them now and then."""
DEAD = "died refused truncated lost"
"""What the end of a server looks like, by timing."""

RED = (
    ("ignores_eof", "dis-fin", "no-fin"),
    ("sigpipe_dies", "dis-abandon-echo", DEAD),
    ("sigpipe_dies", "dis-double-write", DEAD),
    ("broken_pipe_ends", "dis-double-write", DEAD),
    ("econnaborted_ends", "dis-during-accept", "deaf stalled"),
    ("empty_first_read", "dis-connect-close", DEAD),
    ("drops_then_writes", "dis-mid-stream", DEAD),
    ("drops_then_writes", "rst-in-backpressure", DEAD),
    ("list_mutation", "dis-many-at-once", "stalled"),
    ("list_mutation", "dis-generated", "stalled"),
    ("stale_fd_reuse", "dis-fd-reuse", "foreign wrong extra"),
    ("stale_fd_reuse", "dis-generated", "foreign wrong extra"),
    ("double_close", "dis-fd-reuse", f"{DEAD} stalled foreign"),
    ("rst_kills_server", "rst-idle", DEAD),
    ("rst_kills_server", "rst-pending", DEAD),
    ("rst_kills_server", "rst-generated", DEAD),
    ("trio_stock", "rst-idle", DEAD),
    ("rst_drops_all", "rst-other-clients", "lost truncated"),
    ("shutdown_enotconn", "rst-after-fin", DEAD),
    ("linger_zero", "rst-not-by-server", "reset"),
    ("port_reuse_wrong", "rst-generated", "lost truncated"),
    ("serial_server", "con-n", "stalled"),
    ("serial_server", "con-generated", "stalled"),
    ("second_connection", "con-n", "stalled"),
    ("drops_on_open_order", "con-open-order", "foreign lost truncated"),
    ("never_accepts_late", "con-late-joiner", "stalled"),
    ("starves_accept", "con-late-joiner", "stalled"),
    ("exactly_three_clients", "con-generated", "wrong"),
    ("shared_buffer_crosstalk", "con-no-crosstalk", "foreign wrong"),
    ("blocks_on_idle", "con-idle-holder", "stalled"),
    ("blocking_sendall", "con-stalled-reader", "stalled"),
    ("blocking_sendall", "iso-generated", "stalled"),
    ("global_backpressure", "con-stalled-reader", "stalled"),
    ("global_backpressure", "iso-generated", "stalled"),
    ("starves_small", "con-fair", "stalled"),
    ("starves_small", "fair-generated", "stalled"),
)
"""Specimen, the check that names it, and what that check says: one of these kinds of finding."""

FEW = "dis-many-at-once rst-not-by-server con-n con-stalled-reader"
MOST = f"{FEW} dis-fin dis-abandon-echo dis-double-write dis-mid-stream rst-idle rst-pending con-late-joiner con-fair"
ODD = (("right_one_byte", MOST), ("right_batching", MOST), ("right_tiny_buffers", MOST), ("right_delayed", FEW))


def target_of(specimen: str, factor: float) -> Target:
    words = [sys.executable, "-P", str(SPECIMENS / f"{specimen}.py"), "{host}", "{port}"]
    return targets.command(words, None, targets.How(factor, 2048))


def first_breach(check: Check, plan: Plan, target: Target, passes: int = 1) -> Finding | None:
    """Play a check's scripts as the engine does, up to the first that fails."""
    scripts = tuple(check.scripts(plan))
    for at, script in enumerate(scripts * passes, 1):
        transcript = target.play(script, canary=check.canary or at % len(scripts) == 0)
        if finding := breach(check, transcript, target):
            return finding
    return None


@pytest.mark.parametrize(("specimen", "name", "kinds"), RED, ids=[f"{row[0]}-{row[1]}" for row in RED])
def test_the_fault_is_named(specimen: str, name: str, kinds: str) -> None:
    if specimen == "trio_stock":
        pytest.importorskip("trio")
    with target_of(specimen, factor=0.14) as target:
        finding = first_breach(find(name), Plan(1, most_clients=24, check=name), target, PASSES)
    assert finding is not None
    assert finding.kind in kinds.split()


@pytest.mark.parametrize(("specimen", "names"), ODD, ids=[specimen for specimen, _ in ODD])
def test_odd_is_not_wrong(specimen: str, names: str) -> None:
    with target_of(specimen, factor=4) as target:
        for name in names.split():
            # As calibration finds them: 3 MB/s at most, and a round trip of up to a fifth of a second.
            plan = Plan(1, most_clients=8, rate=4e5, round_trip=0.2, check=name)
            assert (name, first_breach(find(name), plan, target)) == (name, None)


def test_every_check_of_these_families_is_shown_red() -> None:
    shown = {(name, f"{specimen}.py") for specimen, name, _ in RED}
    assert {(check.id, check.specimen) for check in catalogue() if check.family in FAMILIES} <= shown
