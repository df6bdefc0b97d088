"""What `suite claims` prints of planted events."""

import pytest

from suite.bench.findings import Claim, ClaimFinished, ClaimsFinished, ClaimsStarted
from suite.report.claims import TextClaims, show_list

WHERE = {"server": [0], "generator": [1]}
CLAIMS = (
    Claim("one", "One is one.", "PASS", "seen " * 40, "enough", seconds=1.25),
    Claim("two", "Two is one.", "FAIL", "it is not", "enough"),
    Claim("three", "Three is one.", "INCONCLUSIVE", "who knows", "enough"),
    Claim("four", "Four is one.", "REPORTED", "figures", "none"),
)


def told(report: TextClaims, claims: tuple[Claim, ...] = CLAIMS, *, interrupted: bool = False) -> None:
    report(ClaimsStarted(tuple(claim.id for claim in claims), WHERE, {"load": [0.5, 0, 0]}))
    for claim in claims:
        report(ClaimFinished(claim))
    report(ClaimsFinished("suite claims", "0", claims, WHERE, {}, 12.6, interrupted, 0))


def test_each_claim_and_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    told(TextClaims(color=False))
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert err == ""
    assert lines[:2] == [
        "server on processor 0, generator on processor 1; load average 0.5",
        "PASS one 1.2 s",
    ]
    assert lines[2] == "      claim      One is one."
    assert lines[3].startswith("      evidence   seen seen")
    assert lines[4].startswith("                 seen")  # wrapped, under the first word
    assert max(map(len, lines)) <= 120
    assert lines[-1] == "1 PASS, 1 FAIL (two), 1 INCONCLUSIVE (three), 1 REPORTED in 13 s"


def test_an_interrupted_run(capsys: pytest.CaptureFixture[str]) -> None:
    told(TextClaims(color=False), (), interrupted=True)
    assert capsys.readouterr().out.splitlines()[-2:] == ["interrupted: the above is what is known", "nothing ran in 13 s"]  # fmt: skip


def test_colour(capsys: pytest.CaptureFixture[str]) -> None:
    told(TextClaims(color=True))
    assert "\x1b[1;31mFAIL\x1b[0m \x1b[1mtwo\x1b[0m" in capsys.readouterr().out


def test_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    from suite.bench.claims import select

    show_list(select(("level-edge",)))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("level-edge        What was not read")
    assert second.strip().startswith("epoll(7)")
