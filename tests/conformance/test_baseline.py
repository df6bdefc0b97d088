"""The baseline: what it excuses, what makes it stale, and what is no baseline at all."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from suite.conformance.baseline import Baseline
from suite.conformance.verdict import conclude
from suite.errors import UsageError
from suite.events import CheckResult, Level, TargetResult, Verdict

TODAY = date(2030, 6, 15)
GOOD = '[[expected]]\nid = "bp-bounded"\nreason = "upstream"\nexpires = 2030-06-15\n'
FAILED = CheckResult("bp-bounded", "backpressure", Level.MUST, Verdict.FAIL, "68 MiB")
PASSED = replace(FAILED, verdict=Verdict.PASS)


def load(tmp_path: Path, text: str) -> Baseline:
    path = tmp_path / "baseline.toml"
    path.write_text(text)
    return Baseline.load(path, TODAY)


def of(target: str, *results: CheckResult) -> TargetResult:
    return TargetResult(target, "conforming", 0, results, {}, 1.0)


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNSTABLE, Verdict.WARN])
def test_a_listed_failure_is_excused_and_fails_nothing(verdict: Verdict, tmp_path: Path) -> None:
    baseline = load(tmp_path, GOOD)
    before = replace(FAILED, verdict=verdict)
    assert conclude([before], strict=True)[1] == 1
    after = baseline.excuse("any", before)
    assert (after.verdict, after.excused, after.failed) == (verdict, "until 2030-06-15: upstream", False)
    assert conclude([after], strict=True) == ("conforming", 0)
    assert baseline.stale([of("any", after)]) == ()


def test_what_is_not_listed_or_did_not_fail_is_not_excused(tmp_path: Path) -> None:
    baseline = load(tmp_path, GOOD.replace("reason", 'target = "mine"\nreason'))
    for target, result in (("theirs", FAILED), ("mine", replace(FAILED, id="bp-resume")), ("mine", PASSED), ("mine", replace(FAILED, verdict=Verdict.ERROR))):  # fmt: skip
        assert baseline.excuse(target, result) is result
    assert baseline.excuse("mine", FAILED).excused


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD.replace("bp-bounded", "bp-bonded"), "there is no check 'bp-bonded'"),
        (GOOD.replace("upstream", " "), "bp-bounded has no reason"),
        (GOOD.replace('reason = "upstream"\n', ""), "bp-bounded has no reason"),
        (GOOD.replace("2030-06-15", "2030-06-14"), "bp-bounded expired on 2030-06-14"),
        (GOOD.replace("expires = 2030-06-15\n", ""), "bp-bounded has no day on which it expires"),
    ],
)
def test_a_faulty_entry_excuses_nothing_and_fails_the_run(text: str, words: str, tmp_path: Path) -> None:
    baseline = load(tmp_path, text)
    assert baseline.excuse("any", FAILED) is FAILED
    (line,) = baseline.stale([of("any", FAILED)])
    assert words in line


@pytest.mark.parametrize(
    ("results", "extra", "stale"),
    [
        ([of("one", PASSED)], "", True),
        ([of("one", PASSED)], "sometimes = true", False),
        ([of("one", PASSED), of("two", FAILED)], "", False),
        ([of("one", PASSED), of("two", FAILED)], 'target = "one"', True),
        ([of("one", PASSED)], 'target = "two"', False),
        ([of("one", replace(PASSED, verdict=Verdict.SKIPPED))], "", False),
        ([of("one")], "", False),
    ],
)
def test_a_pass_is_stale_unless_something_still_fails(
    results: list[TargetResult], extra: str, stale: bool, tmp_path: Path
) -> None:
    lines = load(tmp_path, GOOD + extra).stale(results)
    assert [("passes now; delete the entry" in line) for line in lines] == [True] * stale


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[expected]", "is no baseline"),
        ("[other]\n", "'other' does not belong there"),
        ("expected = 3\n", "'expected' does not belong there"),
        ("expected = [3]\n", "entry 1 has no id"),
        ('[[expected]]\nreason = "x"\n', "entry 1 has no id"),
        (GOOD + "expiry = 3\n", "expiry is not understood; known are id, target"),
        (GOOD.replace("2030-06-15", '"soon"'), "'soon' is no date"),
        (GOOD.replace('"upstream"', "3"), "reason = 3 is not understood; it is a text"),
        (GOOD.replace("2030-06-15", "2030"), "expires = 2030 is not understood; it is a day"),
        ("a = " + 2000 * "[", "is no baseline"),
    ],
)
def test_a_malformed_file_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        Baseline.load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is no baseline"):
        Baseline.load(tmp_path / "bytes.toml")


def test_dates_may_be_strings(tmp_path: Path) -> None:
    baseline = load(tmp_path, GOOD.replace("2030-06-15", '"2030-06-15"'))
    assert baseline.excuse("any", FAILED).excused == "until 2030-06-15: upstream"


def test_what_a_windows_editor_writes_first_is_no_fault(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + GOOD).excuse("any", FAILED).excused


def test_an_entry_that_stands_twice_is_told(tmp_path: Path) -> None:
    baseline = load(tmp_path, GOOD + GOOD.replace("upstream", "another reason"))
    (line,) = baseline.stale([of("any", FAILED)])
    assert line.endswith("is listed twice; keep one entry")
