"""The text report, fed events by hand: what people see on stdout."""

import io
from dataclasses import replace

import pytest

from suite.events import (
    CheckResult,
    Divergence,
    Event,
    Level,
    Moment,
    Rate,
    Repro,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetResult,
    TargetStarted,
    Verdict,
)  # fmt: skip
from suite.report.text import TextReport, wants_color

ABOUT = {"hc-one": ("It comes back.", "RFC 9293", "a known bug"), "fid-one": ("It echoes.", "RFC 862", "another")}
PASSED = CheckResult("fid-one", "fidelity", Level.MUST, Verdict.PASS, scripts=3)
FAILED = CheckResult(
    "hc-one", "half-close", Level.MUST, Verdict.FAIL, "open(0) fin(0): 0 bytes, not 1 byte", "1 byte", "0 bytes",
    script=(["open", 0], ["fin", 0]), rate=Rate(20, 20), timeline=(Moment(0.0015, 0, "fin"), Moment(0.002, -1, "refused")), scripts=2,
)  # fmt: skip
WRONG = replace(
    FAILED,
    divergence=Divergence(2, 70_001, 69_992, bytes(range(32)), bytes([*range(9), 0xFF, *range(10, 14)])),
    endings=dict.fromkeys(range(8), "FIN") | {1: "RST"},
    repro=Repro("out/a b.json", "out/a b.py", "printf '' | nc -N h 7 | od -An -tx1 -v"),
)
SKIPPED = CheckResult("hc-one", "half-close", Level.MUST, Verdict.SKIPPED, "needs 2 clients at once")


def show(
    capsys: pytest.CaptureFixture[str], *targets: tuple[str, TargetResult], matrix: bool, stale: tuple[str, ...] = ()
) -> str:
    report = TextReport(("fidelity", "half-close"), ABOUT, color=False, matrix=matrix)
    events: list[Event] = [RunStarted(tuple(result.target for _, result in targets), "echo", 42, "quick")]
    for kind, result in targets:
        events += [TargetStarted(result.target, kind, 2), TargetFinished(kind, result)]
    events.append(RunFinished(tuple(result for _, result in targets), 1, 1.25, stale=stale))
    for event in events:
        report(event)
    return capsys.readouterr().out


def test_one_target_shows_requirement_script_rate_and_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    out = show(capsys, ("address", TargetResult("h:7", "non-conforming", 1, (PASSED, FAILED), {}, 1.0)), matrix=False)
    for piece in ("FAIL 20/20 hc-one: It comes back.", "open(0) fin(0)", "1 byte", "0 bytes", "RFC 9293", "a known bug",
                  "1.50 ms  client 0  fin", "2.00 ms  canary    refused", "h:7 non-conforming (1 PASS, 1 FAIL; 5 scripts)", "seed 42"):  # fmt: skip
        assert piece in out


def test_the_matrix_keeps_peers_apart_and_shows_limits(capsys: pytest.CaptureFixture[str]) -> None:
    own = TargetResult("mine", "conforming", 0, (PASSED, SKIPPED), {"max-clients": 1}, 1.0)
    peer = TargetResult("theirs", "non-conforming", 1, (PASSED, FAILED), {}, 1.0)
    absent = TargetResult("absent", "no-verdict", 3, (SKIPPED,), {}, 0.0, note="gevent is not installed")
    out = show(capsys, ("own", own), ("peer", peer), ("peer", absent), matrix=True)
    lines = out.splitlines()
    assert lines[1].split()[:3] == ["mine", "ok", "limit"]
    assert lines[2].startswith("controls and peers")
    assert lines[3].split()[:4] == ["theirs", "ok", "FAIL", "1"]
    assert lines[4].split(maxsplit=1) == ["absent", "gevent is not installed"]
    assert "mine max-clients=1" in out
    assert "FAIL 20/20 hc-one: open(0) fin(0): 0 bytes, not 1 byte" in out
    assert "1 conforming, 1 non-conforming, 1 no-verdict" in out


def test_a_failure_shows_where_the_bytes_went_wrong_how_it_ended_and_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = TargetResult("h:7", "non-conforming", 1, (PASSED, WRONG), {}, 1.0)
    lines = show(capsys, ("address", target), matrix=False).splitlines()
    wanted = """
      owed      00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f
      came      00 01 02 03 04 05 06 07 08 ff 0a 0b 0c 0d (end)
                                           ^^ client 2, offset 70001
      endings   client 0 FIN, client 1 RST, client 2 FIN, client 3 FIN, client 4 FIN, client 5 FIN, 2 more
      replay    suite replay 'out/a b.json'
      or        python3 'out/a b.py' HOST PORT
      or        printf '' | nc -N h 7 | od -An -tx1 -v
    """
    for line in wanted.rstrip().splitlines()[1:]:
        assert line in lines
    assert len([line for line in lines if line in wanted.splitlines()]) == 7


def test_an_expected_failure_is_one_line_and_a_stale_baseline_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = replace(WRONG, excused="until 2030-01-01: upstream")
    target = TargetResult("h:7", "conforming", 0, (PASSED, known), {}, 1.0)
    out = show(capsys, ("address", target), matrix=False, stale=("fid-one passes now; delete the entry",))
    assert "  known FAIL hc-one until 2030-01-01: upstream\n" in out
    assert "script" not in out.replace("scripts", "")
    assert "baseline: fid-one passes now; delete the entry\n" in out
    assert "the baseline is out of date, which fails the run in " in out
    assert "h:7 conforming (1 PASS, 1 known; 5 scripts)" in out
    out = show(capsys, ("own", target), ("own", replace(target, target="k:7")), matrix=True)
    assert out.splitlines()[1].split()[:4] == ["h:7", "ok", "known", "1"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "wanted"),
    [
        ("auto", {}, True, True),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {}, False, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_colour(
    choice: str, environment: dict[str, str], terminal: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_color(choice, Terminal() if terminal else io.StringIO()) is wanted


def test_where_nothing_could_be_judged_the_reasons_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    lack = replace(SKIPPED, id="fid-one", family="fidelity", reason="strace is not installed")
    target = TargetResult("mine", "no-verdict", 3, (lack, SKIPPED), {}, 1.0)
    out = show(capsys, ("own", target), matrix=False)
    assert "  SKIPPED fid-one: strace is not installed\n  SKIPPED hc-one: needs 2 clients at once\n" in out
    out = show(capsys, ("own", target), ("own", replace(target, target="k:7")), matrix=True)
    assert out.splitlines()[1].split(maxsplit=1) == ["mine", "strace is not installed; needs 2 clients at once"]
