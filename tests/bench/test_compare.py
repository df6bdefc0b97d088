"""`suite bench compare`: intervals that lie apart count, and nothing else."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from suite.bench.compare import compare, load
from suite.bench.results import BenchFinished, Ratio, Row, Spread, Workload
from suite.errors import UsageError


def report(*rows: Row) -> dict[str, Any]:
    finished = BenchFinished("suite bench", "0", ("a", "b"), rows, {}, {}, 1.0, False, 0)
    data: dict[str, Any] = json.loads(json.dumps(asdict(finished)))
    return data


def row(low: float, median: float, high: float, **other: Any) -> Row:
    spread = Spread(median, low, high, 9)
    plain = Row("b", Workload(), "MEASURED", ratio=Ratio("a", spread, True))
    changed: Row = replace(plain, **other)
    return changed


@pytest.mark.parametrize(
    ("old", "new", "verdict", "code"),
    [
        ((0.9, 1.0, 1.1), (0.7, 0.8, 0.89), "slower", 1),
        ((0.9, 1.0, 1.1), (0.7, 0.8, 0.9), "same", 0),  # they touch
        ((0.9, 1.0, 1.1), (0.95, 1.0, 1.2), "same", 0),
        ((0.9, 1.0, 1.1), (1.11, 1.2, 1.3), "faster", 0),
    ],
)
def test_the_quartiles_decide(old: Any, new: Any, verdict: str, code: int) -> None:
    changes, found = compare(report(row(*old)), report(row(*new)))
    assert ([change.verdict for change in changes], found) == ([verdict], code)


def test_what_cannot_be_compared_is_said_and_judged_neither_way() -> None:
    was = row(0.9, 1.0, 1.1)
    for now, why in (
        (row(0.1, 0.2, 0.3, target="c"), "only in the new report"),
        (row(0.1, 0.2, 0.3, workload=Workload(size=64)), "only in the new report"),
        (
            row(0.1, 0.2, 0.3, verdict="INCONCLUSIVE", reason="one processor"),
            "INCONCLUSIVE in the new report: one processor",
        ),
        (row(0.1, 0.2, 0.3, ratio=None), "it has no ratio"),
        (row(0.1, 0.2, 0.3, ratio=Ratio("z", Spread(0.2, 0.1, 0.3, 9), True)), "compared with a before, with z now"),
    ):
        changes, code = compare(report(was), report(now))
        assert (changes[0].verdict, code) == ("unjudged", 3)
        assert why in changes[0].reason


def test_what_does_not_work_any_more_is_broken_and_what_is_gone_is_said() -> None:
    was = report(row(0.9, 1.0, 1.1))
    changes, code = compare(was, report(row(0.1, 0.2, 0.3, verdict="INVALID", reason="wrong byte")))
    assert ([(change.verdict, change.reason) for change in changes], code) == ([("broken", "wrong byte")], 1)
    changes, code = compare(was, report())
    assert ([(change.target, change.reason) for change in changes], code) == ([("b", "only in the old report")], 3)


def test_two_that_the_generator_limited_say_so() -> None:
    both = [report(row(0.9, 1.0, 1.1, client_limited=True)) for _ in range(2)]
    assert "look at the processor time" in compare(*both)[0][0].reason


def test_a_schedules_rate_is_no_other_workload() -> None:
    rows = [row(0.9, 1.0, 1.1, workload=Workload(mode="open", rate=rate)) for rate in (100.0, 90.0)]
    assert compare(report(rows[0]), report(rows[1]))[0][0].verdict == "same"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON, or is cut off"),
        ('{"format": 1, "tool": "suite bench", "rows": [', "not JSON, or is cut off"),
        ("[1]", "no report of"),
        ('{"format": 1, "tool": "suite", "targets": []}', "no report of"),
        ('{"format": 9, "tool": "suite bench", "rows": []}', "format 9"),
    ],
)
def test_a_file_that_is_no_report(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=why):
        load(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "none.json")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not a text"):
        load(tmp_path / "bytes")


def test_damaged_rows_are_said() -> None:
    good = report(row(0.9, 1.0, 1.1))
    for damage in ({}, {"target": "b", "workload": 3}, "row"):
        with pytest.raises(UsageError, match="damaged"):
            compare(good, {"rows": [damage]})
