"""Mutants are valid, different programs; a sample can be drawn again; rows are gone on from; Ctrl-C leaves nothing."""

import ast
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutants import Mutant, mutants_of
from tests.mutation import ROOT, Rows, judge, main, plan, report, sample

EVERY = b'''"""A docstring, 1 and 2."""
import log
__all__ = ("f",)
if TYPE_CHECKING:
    x = 1
LIMIT = 1 << 4
@decorated(1)
def f(a: int = 1) -> "1 < 2":
    if a < 2 and not b"\\xc3\\xa9":
        log.words(1)
        g(f"{1}", key=True)
    while a & ~FLAG:
        try:
            break
        except (KeyError, OSError):
            continue
        except ValueError:
            pass
    a += "\xc3\xa9" or 1
    del a
    return a if a is 0.5 else a
'''


@pytest.mark.parametrize("file", ["raw_impl/epoll.py", "trio_impl/handler_sockets.py"])
def test_every_mutant_is_another_valid_program(file: str) -> None:
    source = (ROOT / file).read_bytes()
    programs = [ast.dump(ast.parse(source))]
    for mutant in mutants_of(file, source):
        code = mutant.apply(source)
        compile(code, file, "exec")
        programs.append(ast.dump(ast.parse(code)))
        assert source[mutant.start :].startswith(mutant.before.encode())
        assert source[: mutant.start].count(b"\n") == mutant.line - 1
    assert len(programs) > 30
    assert len(set(programs)) == len(programs)


def test_each_operator_makes_its_edit_and_what_no_client_sees_is_left_alone() -> None:
    edits = {(mutant.operator, mutant.line, mutant.before, mutant.after) for mutant in mutants_of("f.py", EVERY)}
    assert edits == {
        ("arithmetic", 6, "1 << 4", "(1 >> 4)"),
        ("constant", 6, "1", "2"),
        ("constant", 6, "1", "0"),
        ("constant", 6, "4", "5"),
        ("constant", 6, "4", "3"),
        ("constant", 8, "1", "2"),
        ("constant", 8, "1", "0"),
        ("negate condition", 9, 'a < 2 and not b"\\xc3\\xa9"', "not (a < 2 and (not b'\\xc3\\xa9'))"),
        ("and / or", 9, 'a < 2 and not b"\\xc3\\xa9"', "(a < 2 or not b'\\xc3\\xa9')"),
        ("comparison", 9, "a < 2", "(a <= 2)"),
        ("constant", 9, "2", "3"),
        ("constant", 9, "2", "1"),
        ("drop not, ~", 9, 'not b"\\xc3\\xa9"', "(b'\\xc3\\xa9')"),
        ("drop statement", 11, 'g(f"{1}", key=True)', "pass"),
        ("drop keyword argument", 11, 'g(f"{1}", key=True)', "g(f'{1}')"),
        ("constant", 11, "True", "False"),
        ("negate condition", 12, "a & ~FLAG", "not (a & ~FLAG)"),
        ("flags", 12, "a & ~FLAG", "(a | ~FLAG)"),
        ("drop not, ~", 12, "~FLAG", "(FLAG)"),
        ("break / continue", 14, "break", "continue"),
        ("exception handler", 15, "(KeyError, OSError)", "()"),
        ("break / continue", 16, "continue", "break"),
        ("exception handler", 18, "pass", "raise"),
        ("drop statement", 19, 'a += "é" or 1', "pass"),
        ("arithmetic", 19, 'a += "é" or 1', "a -= 'é' or 1"),
        ("and / or", 19, '"é" or 1', "('é' and 1)"),
        ("constant", 19, "1", "2"),
        ("constant", 19, "1", "0"),
        ("drop statement", 20, "del a", "pass"),
        ("return None", 21, "return a if a is 0.5 else a", "return None"),
        ("comparison", 21, "a is 0.5", "(a is not 0.5)"),
        ("constant", 21, "0.5", "1.5"),
        ("constant", 21, "0.5", "-0.5"),
    }


def test_a_sample_is_reproducible_and_begins_a_larger_one() -> None:
    mutants = [Mutant("f.py", line, "constant", "0", "1", line) for line in range(100)]
    random.Random(5).shuffle(mutants)
    drawn = sample(mutants, 20, 1)
    assert drawn == sample(mutants, 20, 1) == sample(mutants, 40, 1)[:20]
    assert drawn != sample(mutants, 20, 2)
    assert len(set(drawn)) == 20


def test_rows_are_gone_on_from_except_those_without_a_verdict(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    planned = list(plan(["raw_impl/epoll.py"], 3, 1))
    assert [row.operator for row, _ in planned[:2]] == ["sentinel", "unchanged"]
    rows = Rows(file)
    outcomes = ["killed at start", "survived", "killed", "tool error", "killed"]
    done = [
        replace(row, outcome=outcome, warned=("hc-idle",)) for (row, _), outcome in zip(planned, outcomes, strict=True)
    ]
    for row in done:
        rows.add(row)
    with file.open("a") as half_written:
        half_written.write('{"key":')
    again = Rows(file)
    assert [again.get(row) is not None for row, _ in planned] == [True, True, True, False, True]
    known = [pair for pair in planned if again.get(pair[0])]
    assert [row.warned for row in judge(known, again, 1, 1)] == [("hc-idle",)] * 4
    assert "| all | 3 | 2 | 0 | 0 | 0 | 1 |" in report(done[2:])


def test_a_file_that_raises_does_not_start_from_the_copy(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows")
    [row] = judge(list(plan(["raw_impl/epoll.py"], 0, 1))[:1], rows, 1, 1)
    assert (row.outcome, row.options) == ("killed at start", "")
    assert "sentinel" in row.reason
    assert json.loads((tmp_path / "rows").read_text())["outcome"] == "killed at start"


@pytest.mark.parametrize("words", [["--jobs", "0"], ["--sample", "-1"], ["--only", "nothing.py"], ["--resume", "/"]])
def test_bad_usage_is_one_line_and_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("python -m tests.mutation: error: ")
