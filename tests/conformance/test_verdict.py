"""Grades and exit codes, from the contract's words."""

from typing import Any

import pytest

from suite.conformance.confirm import Case
from suite.conformance.oracle import EchoOracle
from suite.conformance.plan import Check
from suite.conformance.script import Op
from suite.conformance.transcript import Transcript
from suite.conformance.verdict import conclude, overall, result_of
from suite.events import CheckResult, Finding, Level, Rate, Verdict

SCRIPT = (Op("open", 0),)


def check(level: Level) -> Check:
    return Check("x-one", "fidelity", level, "It works.", "RFC 862", "nothing", "none.py", lambda _: [SCRIPT])


def case(*, hard: bool, confirmed: bool, rate: Rate | None) -> Case:
    return Case(SCRIPT, Transcript(SCRIPT), Finding("wrong", 0, "01", "02", hard), rate, confirmed)


@pytest.mark.parametrize(
    ("level", "hard", "confirmed", "rate", "verdict"),
    [
        (Level.MUST, True, True, Rate(20, 20), Verdict.FAIL),
        (Level.MUST, True, True, Rate(19, 20), Verdict.FAIL),
        (Level.MUST, True, True, Rate(18, 20), Verdict.UNSTABLE),
        (Level.MUST, True, False, Rate(1, 9), Verdict.UNSTABLE),  # wrong bytes seen once are evidence
        (Level.MUST, False, False, Rate(1, 9), Verdict.INCONCLUSIVE),  # an absence seen once is none
        (Level.MUST, False, True, Rate(20, 20), Verdict.FAIL),
        (Level.MUST, False, True, Rate(1, 20), Verdict.UNSTABLE),
        (Level.MUST, False, True, Rate(0, 6), Verdict.INCONCLUSIVE),  # slow twice, and never again
        (Level.MUST, True, True, Rate(0, 6), Verdict.UNSTABLE),
        (Level.MUST, True, True, None, Verdict.FAIL),
        (Level.SHOULD, True, True, Rate(20, 20), Verdict.WARN),
        (Level.INFO, True, True, Rate(20, 20), Verdict.INFO),
    ],
)
def test_grades(level: Level, hard: bool, confirmed: bool, rate: Rate | None, verdict: Verdict) -> None:
    given = case(hard=hard, confirmed=confirmed, rate=rate)
    assert result_of(check(level), given, EchoOracle(), premises={}, scripts=1).verdict is verdict


def row(verdict: Verdict, level: Level = Level.MUST) -> CheckResult:
    return CheckResult("x", "fidelity", level, verdict)


PASS, FAIL, UNSTABLE, WARN, UNSURE, SKIPPED, ERROR = (
    row(v) for v in (Verdict.PASS, Verdict.FAIL, Verdict.UNSTABLE, Verdict.WARN, Verdict.INCONCLUSIVE, Verdict.SKIPPED, Verdict.ERROR)
)  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "strict", "expected"),
    [
        ([PASS], False, ("conforming", 0)),
        ([PASS, FAIL], False, ("non-conforming", 1)),
        ([PASS, UNSTABLE], False, ("non-conforming", 1)),
        ([PASS, WARN], False, ("conforming", 0)),
        ([PASS, WARN], True, ("non-conforming", 1)),
        ([], False, ("no-verdict", 3)),
        ([SKIPPED], False, ("no-verdict", 3)),
        ([PASS] * 9 + [UNSURE], False, ("conforming", 0)),
        ([PASS] * 8 + [UNSURE] * 2, False, ("no-verdict", 3)),
        ([PASS, SKIPPED, SKIPPED], False, ("conforming", 0)),  # a declared limit is no doubt
        ([PASS, FAIL, ERROR], False, ("non-conforming", 4)),
        ([PASS, ERROR], False, ("no-verdict", 4)),
        ([row(Verdict.WARN, Level.SHOULD), PASS], False, ("conforming", 0)),
    ],
)
def test_concludes(rows: list[CheckResult], strict: bool, expected: tuple[str, int]) -> None:
    assert conclude(rows, strict=strict) == expected


@pytest.mark.parametrize(
    ("exits", "code"), [([0, 0], 0), ([0, 1], 1), ([3, 0], 3), ([1, 3], 1), ([4, 1], 4), ([130, 4], 130), ([], 3)]
)
def test_the_worst_exit_code_wins(exits: list[int], code: int) -> None:
    assert overall(exits) == code


def test_a_result_says_how_to_read_it() -> None:
    result: Any = result_of(
        check(Level.MUST),
        case(hard=True, confirmed=True, rate=Rate(20, 20)),
        EchoOracle(),
        premises={"completed": 1},
        scripts=3,
    )
    assert (result.expected, result.actual, result.script, result.rate) == ("01", "02", (["open", 0],), Rate(20, 20))
    assert result.failed


@pytest.mark.parametrize("level", list(Level))
def test_a_server_that_serves_nobody_any_more_fails_at_any_level(level: Level) -> None:
    dead = Case(
        SCRIPT,
        Transcript(SCRIPT),
        Finding("died", -1, "the server lives", "exited", hard=True),
        Rate(2, 2),
        confirmed=True,
    )
    result = result_of(check(level), dead, EchoOracle(), premises={}, scripts=1)
    assert result.verdict is Verdict.FAIL
    assert conclude([result], strict=False) == ("non-conforming", 1)
