"""The event stream: a line when something happens, and complete without the other reports."""

import json
from pathlib import Path
from typing import Any

from suite.report.ndjson import NdjsonReport
from tests.report.samples import BAD, FEW, HOSTILE, run_of


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_each_event_is_a_line_at_once(tmp_path: Path) -> None:
    path = tmp_path / "r.ndjson"
    path.write_text("an older run\n")
    report = NdjsonReport(path)
    for count, event in enumerate(run_of(BAD, FEW), start=1):
        report(event)
        assert len(lines(path)) == count
    rows = lines(path)
    assert [row["event"] for row in rows] == [
        "run-started",
        *(["target-started", *["check-finished"] * 3, "target-finished"] * 2),
        "run-finished",
    ]
    assert {row["format"] for row in rows} == {1}
    assert all(row["time"].endswith("Z") for row in rows)
    assert (rows[0]["targets"], rows[0]["seed"], rows[0]["tool"]) == (["bad <b>server</b>", "few"], 42, "suite")
    failed = rows[3]
    assert (failed["target"], failed["check"]["id"], failed["check"]["verdict"]) == (BAD.target, "hc-one", "FAIL")
    assert failed["check"]["actual"] == HOSTILE
    assert failed["check"]["rate"] == {"failed": 19, "runs": 20}
    owed, came = "000102030405060708090a0b0c0d0e0f", "0001020304050607080941"
    assert failed["check"]["divergence"] == {"client": 1, "offset": 10, "start": 0, "expected": owed, "received": came}
    assert failed["check"]["endings"] == {"0": "FIN", "1": "RST"}
    end = rows[5]
    assert (end["target"], end["kind"], end["verdict"], end["exit"]) == (BAD.target, "own", "non-conforming", 1)
    assert "checks" not in end
    assert (rows[-1]["exit"], rows[-1]["interrupted"], rows[-1]["seconds"]) == (1, False, 3.25)


def test_progress_comes_once_a_second(tmp_path: Path) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.04  # asked once an event, and once more when a line is written
        return now

    report = NdjsonReport(tmp_path / "r.ndjson", clock=clock)
    for event in run_of(BAD, progress=100):
        report(event)
    rows = [row for row in lines(tmp_path / "r.ndjson") if row["event"] == "progress"]
    # 300 events, 12 s of this clock.
    assert 11 <= len(rows) <= 13
    assert {"target", "check", "doing", "done"} <= set(rows[0])


def test_every_field_is_documented(tmp_path: Path) -> None:
    report = NdjsonReport(tmp_path / "r.ndjson")
    for event in run_of(BAD, progress=1):
        report(event)
    rows = lines(tmp_path / "r.ndjson")
    check = next(row["check"] for row in rows if row["event"] == "check-finished")
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
    fields = {name for row in (*rows, check, rows[0]["environment"]) for name in row}
    assert {"tool", "doing", "interrupted", "divergence", "cpus"} <= fields
    assert [name for name in sorted(fields) if f"`{name}`" not in page] == []
    assert [row["event"] for row in rows if f"`{row['event']}`" not in page] == []
