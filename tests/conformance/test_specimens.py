"""Specimens: each fault is named by its check, odd but right servers by none. The table is `suite.conformance.zoo`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from suite.conformance import oracles, targets, zoo
from suite.conformance.checks import catalogue, find
from suite.conformance.confirm import breach
from suite.conformance.plan import Check, Plan
from suite.conformance.script import Script
from suite.conformance.target import Target
from suite.conformance.zoo import Specimen
from suite.events import Finding

PASSES = 3
"""Faults that need two events in one wake-up are races: one pass of a check's scripts misses some of them now and then."""
TOLD = {("right_batching.py", "seg-pingpong"): "slow"}
"""An INFO check tells of it, and fails nobody."""
OF = {specimen.file: specimen for specimen in zoo.SPECIMENS}

# Every check by the specimen it was written for; `suite selftest` runs the others too.
RED = sorted({(check.specimen, check.id) for check in catalogue()})
QUICK = """
    fid-one-byte fid-all-bytes fid-no-decode fid-no-stale fid-empty fid-large seg-split seg-byte-by-byte
    seg-small-latency ord-pipelined ord-after-stall hc-immediate hc-idle hc-clean-end hc-no-write-after-eof bp-bounded
    dis-many-at-once rst-not-by-server con-n con-stalled-reader
"""
SLOW = "fid-one-byte fid-empty seg-split hc-immediate dis-many-at-once rst-not-by-server con-stalled-reader"
ODD = {
    "right_one_byte.py": QUICK,
    "right_batching.py": QUICK,
    "right_tiny_buffers.py": QUICK,
    "right_delayed.py": SLOW,
    "right_waits_first.py": SLOW,
    "right_slow.py": SLOW,
    "right_sheds.py": "hc-immediate rst-not-by-server ovl-emfile-survive ovl-emfile-recover",
}
"""What the slower ones are asked; the others, all of QUICK."""


@contextmanager
def running(specimen: Specimen, factor: float) -> Iterator[Target]:
    if reason := specimen.unavailable():
        pytest.skip(reason)
    how = targets.How(
        factor,
        specimen.nofile,
        specimen.limit,
        oracle=oracles.find(specimen.service),
        tls=specimen.tls,
        inject=specimen.inject,
    )
    with (
        zoo.command(specimen) as words,
        targets.command(words, None, how) as target,
    ):
        yield target


def hurried(script: Script) -> Script:
    """Give a server that does not end at SIGTERM a second and a half for it, instead of twelve."""
    return tuple(replace(op, count=1500) if op.kind == "exit" else op for op in script)


def first_breach(check: Check, plan: Plan, target: Target, passes: int = 1) -> Finding | None:
    """Play a check's scripts as the engine does, up to the first that fails."""
    scripts = tuple(map(hurried, check.scripts(plan)))
    if check.overlap:
        played = (transcript for _ in range(passes) for transcript in target.play_together(list(scripts)))
        return next((finding for transcript in played if (finding := breach(check, transcript, target))), None)
    for at, script in enumerate(scripts * passes, 1):
        transcript = target.play(script, canary=check.canary or at % len(scripts) == 0)
        if finding := breach(check, transcript, target):
            return finding
    return None


@pytest.mark.parametrize(("file", "name"), RED, ids=[f"{file}-{name}" for file, name in RED])
def test_the_fault_is_named(file: str, name: str) -> None:
    specimen = OF[file]
    with running(specimen, factor=0.14) as target:
        check = find(name)
        plan = Plan(
            1,
            most_clients=max(24, check.clients),
            check=name,
            nofile=specimen.limit or 0,
            service=specimen.service,
        )
        finding = first_breach(check, plan, target, PASSES)
    assert finding is not None
    assert finding.kind in (specimen.named.get(name) or TOLD[file, name]).split()


@pytest.mark.parametrize("file", [specimen.file for specimen in zoo.right()])
def test_odd_is_not_wrong(file: str) -> None:
    with running(OF[file], factor=4) as target:
        for name in ODD.get(file, QUICK).split():
            # As calibration finds the slowest of them: 100 kB and five answers a second. Side by side to save time.
            check = find(name)
            plan = Plan(1, most_clients=8, rate=1e5, round_trip=0.2, visit=0.2, check=name, nofile=OF[file].limit or 0)
            scripts = list(check.scripts(plan))
            # Linux forgets requests of a full backlog early, and resets those clients: inet_csk, reqsk_timer_handler.
            at_once = 2 if file == "right_small_backlog.py" else len(scripts)
            for start in range(0, len(scripts), at_once):
                for transcript in target.play_together(scripts[start : start + at_once]):
                    assert (name, breach(check, transcript, target)) == (name, None)


def test_the_table_is_whole() -> None:
    files = {path.name for path in zoo.FOLDER.iterdir() if path.is_file()}
    assert files == {specimen.file for specimen in zoo.SPECIMENS}
    assert len({specimen.name for specimen in zoo.SPECIMENS}) == len(zoo.SPECIMENS)
    assert len(zoo.faulty()) >= 65
    assert len(zoo.right()) >= 12
    named = {(specimen.file, check) for specimen in zoo.faulty() for check in specimen.named}
    assert {(check.specimen, check.id) for check in catalogue()} <= named | TOLD.keys()


@pytest.mark.parametrize("specimen", zoo.SPECIMENS, ids=lambda specimen: specimen.name)
def test_a_specimen_says_what_its_row_says(specimen: Specimen) -> None:
    head = Path(zoo.FOLDER / specimen.file).read_text(encoding="utf-8")[:600]
    assert ("Fault: " in head) == bool(specimen.named)
    assert ("Right, if odd: " in head) == (not specimen.named)
    assert not specimen.named or any(check in head for check in specimen.named)


def test_specimens_import_nothing_of_ours() -> None:
    for specimen in zoo.SPECIMENS:
        text = (zoo.FOLDER / specimen.file).read_text(encoding="utf-8")
        assert not any(line.startswith(("import suite", "from suite")) for line in text.splitlines()), specimen
