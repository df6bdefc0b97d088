"""`suite compare`: what it runs and in which order, what it keeps, and how it ends. The commands themselves have their own tests."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from suite import cli_bench, comparing
from suite.errors import UsageError


class Commands:
    """Stands in for the commands: each writes its file, as the real ones do, and ends with the code asked for."""

    def __init__(self, **codes: int) -> None:
        self.codes = codes
        self.ran: list[Sequence[str]] = []

    def __call__(self, words: Sequence[str]) -> int:
        self.ran.append(words)
        if "--json" in words:
            rows = [{"from": words[1]}]
            Path(words[words.index("--json") + 1]).write_text(
                json.dumps({"rows": rows, "targets": [words[1]], "seconds": 1, "interrupted": False, "exit": 0})
            )
        return self.codes.get(words[0], 0)


def options(tmp_path: Path, keep: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(html=tmp_path / "page.html", keep=keep)


def test_everything_goes_on_one_page(tmp_path: Path) -> None:
    main = Commands()
    assert comparing.run(options(tmp_path, tmp_path / "kept"), main) == 0
    assert [words[0] for words in main.ran] == ["check", "claims", "bench", "bench", "bench", "report"]
    assert main.ran[0][1] == "all"
    report = main.ran[-1]
    assert [word for word in report if word.startswith("--")] == ["--check", "--claims", "--bench", "--html"]
    whole = json.loads((tmp_path / "kept/bench.json").read_text())
    assert len(whole["rows"]) == 3  # of the three measurements
    assert whole["seconds"] == 3


@pytest.mark.parametrize(
    ("codes", "code"),
    [({"check": 1}, 1), ({"claims": 3}, 3), ({"claims": 3, "bench": 1}, 1), ({"check": 1, "report": 2}, 2), ({"check": 4, "bench": 1}, 4)],
)  # fmt: skip
def test_it_ends_as_its_worst_part(tmp_path: Path, codes: dict[str, int], code: int) -> None:
    assert comparing.run(options(tmp_path), Commands(**codes)) == code


def test_an_interrupted_comparison_still_has_its_page(tmp_path: Path) -> None:
    main = Commands(claims=130)
    assert comparing.run(options(tmp_path), main) == 130
    assert [words[0] for words in main.ran] == ["check", "claims", "report"]
    assert "--bench" not in main.ran[-1]


def test_what_an_earlier_comparison_kept_is_not_taken_for_this_one(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text("{}")
    main = Commands(check=130)
    comparing.run(options(tmp_path, tmp_path), main)
    assert "--bench" not in main.ran[-1]


def test_a_page_that_cannot_be_written_costs_no_ten_minutes(tmp_path: Path) -> None:
    main = Commands()
    with pytest.raises(UsageError, match="choose another --html FILE"):
        comparing.run(options(tmp_path / "none"), main)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another --keep DIR"):
        comparing.run(options(tmp_path, tmp_path / "file"), main)
    with pytest.raises(UsageError, match="it is a folder"):
        comparing.run(argparse.Namespace(html=tmp_path, keep=None), main)
    assert main.ran == []


def test_the_commands_it_runs_are_commands(tmp_path: Path) -> None:
    main = Commands()
    comparing.run(options(tmp_path), main)
    parser = argparse.ArgumentParser()
    cli_bench.add(parser.add_subparsers().add_parser, lambda _: None)
    for words in main.ran:
        if words[0] in ("bench", "claims"):
            parser.parse_args(words)
