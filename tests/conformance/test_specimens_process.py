"""Specimens of the families that look at a server's processes or use them up: each fault is named by its check."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from suite import conformance
from suite.conformance import targets
from suite.conformance.checks import catalogue, find
from suite.conformance.confirm import breach
from suite.conformance.plan import Plan

SPECIMENS = Path(conformance.__file__).parents[1] / "specimens"
FAMILIES = {"resources", "churn", "overload", "urgent", "idle", "shutdown"}
ENOUGH = 1500
"""Milliseconds given to a specimen that does not end at SIGTERM, instead of twelve seconds."""

RED = (
    ("keeps_descriptors", "res-fd", "kept"),
    ("keeps_threads", "res-thread", "kept"),
    ("keeps_children", "res-child", "kept"),
    ("keeps_zombies", "res-zombie", "kept"),
    ("keeps_memory", "res-rss-slope", "kept"),
    ("pool_runs_dry", "res-buffer-pool", "stalled"),
    ("inherits_connections", "res-fin-inherited", "no-fin"),
    ("unbounded_buffer", "bp-rss", "swollen"),
    ("writable_spin", "bp-writable-spin", "spins"),
    ("half_close_spin", "hc-spin", "spins"),
    ("serves_a_thousand", "chu-serial", "stalled"),
    ("short_backlog", "chu-burst", "unaccepted stalled"),
    ("emfile_dies", "ovl-emfile-survive", "died"),
    ("emfile_deaf", "ovl-emfile-recover", "stalled"),
    ("emfile_spin", "ovl-emfile-spin", "spins"),
    ("select_dies_at_1024", "ovl-fd1024", "died"),
    ("urgent_ends", "oob-stream", "lost truncated early-fin reset"),
    ("idle_timeout", "idle-survive", "early-fin"),
    ("writable_spin", "idle-cpu", "works"),
    ("sigterm_waits", "sd-sigterm-exits", "stays"),
    ("sigterm_cuts", "sd-flush", "lost"),
    ("sigterm_deaf", "sd-refuse-new", "hangs"),
    ("no_reuseaddr", "sd-rebind", "bound"),
    ("leaves_orphans", "sd-no-orphans", "orphans"),
)
"""Specimen, the check that names it, and what that check says: one of these kinds of finding."""

LIMITS = {"nofile": 64, "wide": 2048}


@pytest.mark.parametrize(("specimen", "name", "kinds"), RED, ids=[f"{row[0]}-{row[1]}" for row in RED])
def test_the_fault_is_named(specimen: str, name: str, kinds: str) -> None:
    check = find(name)
    limit = LIMITS.get(check.needs)
    words = [sys.executable, "-P", str(SPECIMENS / f"{specimen}.py"), "{host}", "{port}"]
    with targets.command(words, None, targets.How(0.14, 2048, limit)) as target:
        assert target.offers(check.needs)
        plan = Plan(1, most_clients=200, check=name, nofile=limit or 0)
        for script in check.scripts(plan):
            shorter = tuple(replace(op, count=ENOUGH) if op.kind == "exit" else op for op in script)
            finding = breach(check, target.play(shorter), target)
            if finding is not None:
                break
    assert finding is not None
    assert finding.kind in kinds.split()


def test_every_check_of_these_families_is_shown_red() -> None:
    shown = {(name, f"{specimen}.py") for specimen, name, _ in RED}
    assert {(check.id, check.specimen) for check in catalogue() if check.family in FAMILIES} <= shown


def test_a_process_that_nobody_knows_is_not_looked_at() -> None:
    words = [sys.executable, "-P", str(SPECIMENS / "keeps_descriptors.py"), "{host}", "{port}"]
    with targets.command(words, None, targets.How()) as launched:
        unknown = targets.parse(launched.address, None, targets.How())
        known = targets.parse(launched.address, None, targets.How(pid=launched.pid))
        assert [unknown.offers(need) for need in ("", "pid", "launch", "nofile")] == [True, False, False, False]
        assert [known.offers(need) for need in ("", "pid", "launch", "nofile")] == [True, True, False, False]
        check = find("res-fd")
        (script,) = check.scripts(Plan(1, check="res-fd"))
        with unknown, known:
            assert not unknown.play(script).measures
            finding = breach(check, known.play(script), known)
    assert finding is not None
    assert finding.kind == "kept"
