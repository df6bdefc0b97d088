"""System calls that fail: injected by a real strace into real servers, counted, and ended without a trace."""

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import suite
from suite import registry
from suite.conformance import evidence, injecting, replay, targets
from suite.conformance.checks._parts import exchange
from suite.conformance.oracle import findings
from suite.conformance.script import Op, from_json, one_line, to_json
from suite.conformance.target import Target
from suite.errors import UsageError

ENFILE = "accept,accept4:error=ENFILE"
HELD = (Op("open", 0), *exchange(0, 50, 1))


@pytest.fixture
def target() -> Iterator[Target]:
    if reason := injecting.unavailable():
        pytest.skip(reason)
    with targets.of_variant(registry.find("raw-epoll"), None, targets.How(inject=True)) as target:
        yield target


def test_calls_fail_until_healed_and_nothing_is_left(target: Target) -> None:
    knock = (Op("open", 1, hasty=True), Op("pause", count=50))
    late = (Op("open", 2), Op("pause", count=300), *exchange(2, 50, 3), *exchange(0, 50, 4))
    transcript = target.play((*HELD, Op("inject", fault=ENFILE), *knock, Op("heal"), *late))
    assert transcript.facts["injected"] > 0
    assert [finding for finding in findings(transcript, target.oracle) if finding.client != 1] == []
    assert not [child for child in psutil.Process().children(recursive=True) if child.name() == "strace"]


def test_a_script_that_ends_early_heals_too(target: Target) -> None:
    knock = (Op("open", 1, hasty=True), Op("pause", count=50))
    assert target.play((*HELD, Op("inject", fault=ENFILE), *knock)).facts["injected"] > 0
    assert target.play(HELD).completed


def test_a_call_that_is_under_way_when_it_heals_is_answered_by_the_kernel(target: Target) -> None:
    reads = "recvfrom,recvmsg,read:error=EINTR:when=1+2"
    for turn in range(5):
        script = (*HELD, Op("inject", fault=reads), *exchange(0, 3000, turn), Op("heal"), *exchange(0, 50, turn))
        transcript = target.play(script)
        assert (transcript.facts["injected"] > 0, findings(transcript, target.oracle)) == (True, [])


def test_the_operations_have_their_json_and_what_strace_would_not_take_is_refused() -> None:
    script = (Op("inject", fault=ENFILE), Op("heal"))
    assert to_json(script) == [["inject", ENFILE], ["heal"]]
    assert from_json(to_json(script)) == script
    assert one_line(script) == f"inject({ENFILE}) heal()"
    for row in (["inject"], ["inject", "accept4"], ["inject", "accept4:signal=KILL"], ["inject", 4], ["heal", 1]):
        with pytest.raises(UsageError, match="not an operation"):
            from_json([row])


def test_without_strace_the_checks_are_skipped_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert injecting.unavailable.__wrapped__() == "strace is not installed; on Debian: apt install strace"


def test_it_is_for_servers_that_suite_starts() -> None:
    with pytest.raises(UsageError, match="--inject is for servers that suite starts"):
        targets.parse("127.0.0.1:7", None, targets.How(inject=True))


def test_nothing_is_injected_unasked() -> None:
    report = suite.check("raw-epoll", only="inj-accept-spin", seed=1)
    assert [(row.verdict.value, "give --inject" in row.reason) for row in report.checks] == [("SKIPPED", True)]


def test_a_replay_says_what_it_lacks(tmp_path: Path, target: Target) -> None:
    record = {
        "format": 1, "tool": "suite", "check": "inj-accept-spin", "service": "echo", "afresh": False,
        "target": {"kind": "own", "name": "raw-epoll", "command": [], "capabilities": {}, "nofile": None},
        "script": to_json((*HELD, Op("inject", fault=ENFILE), Op("open", 1, hasty=True), Op("pause", count=99))),
        "finding": {"kind": "spins", "client": -1, "hard": True}, "expected": "a pause", "actual": "none",
    }  # fmt: skip
    path = tmp_path / "repro.json"
    path.write_text(json.dumps(record))
    loaded = evidence.load(path)
    assert loaded.injects
    by_address = targets.parse(target.address, None, targets.How())
    outcome = replay.replay(loaded, by_address)
    assert (outcome.word, "give --inject" in outcome.reason) == ("ERROR", True)
