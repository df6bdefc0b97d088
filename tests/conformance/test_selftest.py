"""`suite selftest`: a fast slice of it, what it says of a tool that errs, and what it keeps of a run that is cut short."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suite.cli import main
from suite.conformance.proving import Proved, Prover, ProvingFinished, Row, Sign
from suite.conformance.zoo import Specimen
from suite.errors import UsageError
from suite.report.confusion import RowsFile

SUITE = [sys.executable, "-m", "suite", "selftest", "--seed", "1"]


def selftest(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SUITE, *words], capture_output=True, text=True, timeout=110, check=False)


def proved(specimen: Specimen) -> tuple[int, Row]:
    signs: list[Sign] = []
    code = Prover("fast", 1, signs.append, 1024).run([specimen], [])
    (row,) = [sign.row for sign in signs if isinstance(sign, Proved)]
    (end,) = [sign for sign in signs if isinstance(sign, ProvingFinished)]
    assert (end.rows, end.exit) == ((row,), code)
    return code, row


def test_a_slice_is_found_and_goes_on_from_a_file(tmp_path: Path) -> None:
    rows, report = tmp_path / "rows", tmp_path / "report.json"
    first = selftest("--only", "strips_cr,fin_with_data", "--resume", str(rows))
    assert (first.returncode, first.stderr) == (0, "")
    assert "2 of 2 faults named by the right family" in first.stdout
    rows.write_text(rows.read_text()[:-9])  # killed while it wrote its last row
    again = selftest("--only", "strips_cr,fin_with_data", "--resume", str(rows), "--json", str(report))
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("1 of 2 rounds are known already\n")
    data = json.loads(report.read_text())
    assert (data["format"], data["exit"], data["seed"]) == (1, 0, 1)
    assert [(row["name"], row["outcome"], row["expected"]) for row in data["rows"]] == [
        ("strips_cr", "found", ["fidelity"]),
        ("fin_with_data", "found", ["half-close"]),
    ]
    assert [row["check"] for row in data["rows"]] == ["fid-all-bytes", "hc-immediate"]
    assert all(3 <= row["operations"] <= 5 and row["seconds"] <= 30 for row in data["rows"])


def test_a_fault_that_no_check_names_is_missed() -> None:
    code, row = proved(Specimen("right_c.c", {"ord-pipelined": "wrong"}, needs=("cc",)))
    if row.outcome == "unavailable":
        pytest.skip(row.note)
    assert (code, row.outcome, row.check, row.expected) == (1, "missed", "", ("ordering",))


def test_a_faulty_server_among_the_right_ones_is_a_false_alarm() -> None:
    # It dies of its first client, and that ends the run over its address.
    code, row = proved(Specimen("unregister_after_close.py"))
    assert (code, row.outcome, row.check) == (1, "false alarm", "fid-one-byte")


def test_what_is_not_there_is_no_failure() -> None:
    code, row = proved(Specimen("trio_stock.py", {"rst-idle": "died"}, needs=("no_such_module",)))
    assert (code, row.outcome, row.note) == (3, "unavailable", "no_such_module is not installed")


def test_a_server_that_does_not_start_is_an_error() -> None:
    code, row = proved(Specimen("no_such_file.py", {"fid-one-byte": "stalled"}))
    assert (code, row.outcome) == (4, "error")
    assert "before it listened" in row.note


def test_ctrl_c_keeps_what_is_known(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    with subprocess.Popen(
        [*SUITE, "--only", "greeting_banner,right_slow", "--resume", str(rows)], stdout=subprocess.PIPE, text=True
    ) as child:
        deadline = time.monotonic() + 60
        while "greeting_banner" not in (rows.read_text() if rows.exists() else "") and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGINT)
        said, _ = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "interrupted: the above is what is known" in said
    assert [row.outcome for row in RowsFile(rows, "fast", 1).rows] == ["found"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--only", "strips_cx"), "did you mean strips_cr"),
        (("--only", "zzzzzz"), "a specimen, a check, a family"),
        (("--json", "/nonexistent/report.json"), "cannot write"),
        (("--resume", "/nonexistent/rows"), "cannot write"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["selftest", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert says in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"selftest": "full", "seed": 7}\n', "belongs to --profile full"),
        ("a diary\n", "holds no rows"),
        ("[1, 2]\n", "holds no rows"),
        ('{"selftest": "fast", "seed": 7}\n{"name": "x"}\n', "holds no rows"),
    ],
)
def test_a_file_that_is_none_of_its_own_is_left_alone(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "rows"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        RowsFile(path, "fast", 1)
    assert path.read_text() == text
