"""The text report, fed events by hand: what people see on stdout."""

import io

import pytest

from suite.events import (
    CheckResult,
    Event,
    Level,
    Moment,
    Rate,
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
SKIPPED = CheckResult("hc-one", "half-close", Level.MUST, Verdict.SKIPPED, "needs 2 clients at once")


def show(
    capsys: pytest.CaptureFixture[str], *targets: tuple[str, TargetResult], matrix: bool, exit_code: int = 1
) -> str:
    report = TextReport(("fidelity", "half-close"), ABOUT, color=False, matrix=matrix)
    events: list[Event] = [RunStarted(tuple(result.target for _, result in targets), "echo", 42, "quick")]
    for kind, result in targets:
        events += [TargetStarted(result.target, kind, 2), TargetFinished(kind, result)]
    events.append(RunFinished(tuple(result for _, result in targets), exit_code, 1.25))
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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "wanted"),
    [
        ("auto", {}, True, True),
        ("auto", {"NO_COLOR": ""}, True, False),
        ("auto", {}, False, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {}, True, False),
    ],
)
def test_colour(
    choice: str, environment: dict[str, str], terminal: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_color(choice, Terminal() if terminal else io.StringIO()) is wanted
