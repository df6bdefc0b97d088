"""`suite report` and its files: whatever is wrong with one is said in a line, and nothing is left half-written."""

import json
import os
import re
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from suite.cli import main
from suite.report.joined.reading import read
from tests.report.joined_samples import SERVERS, WORKLOADS, bench, check, claims, save
from tests.report.samples import BAD

FEW = {name: SERVERS[name] for name in ("raw-epoll", "trio")}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Write one report of each kind."""
    return {
        "check": save(tmp_path / "check.json", check()),
        "bench": save(tmp_path / "bench.json", bench(FEW, WORKLOADS[:2])),
        "claims": save(tmp_path / "claims.json", claims()),
    }


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Run `suite report`, which must refuse; return its line."""
    assert main(["report", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.strip().splitlines()
    return line


def test_a_report_read_back_is_the_report(files: dict[str, Path]) -> None:
    sources = read(files["check"], files["bench"], files["claims"])
    assert sources.bench == bench(FEW, WORKLOADS[:2])
    assert sources.claims == claims()
    assert sources.check is not None
    assert [target.target for target in sources.check.targets] == [BAD.target, "few", "h:7"]
    assert sources.check.targets[0].checks[1].failed


def test_what_later_versions_add_is_no_fault(tmp_path: Path) -> None:
    data = asdict(bench(FEW, WORKLOADS[:1]))
    data["weather"] = "fair"
    data["rows"][0]["colour"] = {"deep": [1]}
    assert read(None, save(tmp_path / "b.json", data), None).bench == bench(FEW, WORKLOADS[:1])


@pytest.mark.parametrize(
    "kinds", [("check",), ("bench",), ("claims",), ("check", "claims"), ("check", "bench", "claims")]
)
def test_any_of_them_makes_a_page(
    kinds: tuple[str, ...], files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    words = [word for kind in kinds for word in (f"--{kind}", str(files[kind]))]
    assert main(["report", *words, "--html", str(page)]) == 0
    assert f"{page}: " in capsys.readouterr().out
    text = page.read_text()
    for kind, mark in (("check", 'id="conformance"'), ("bench", 'id="bench"'), ("claims", 'id="claims"')):
        assert (mark in text) is (kind in kinds)


def cut(data: dict[str, Any]) -> str:
    text = json.dumps(data)
    return text[: len(text) * 2 // 3]


def changed(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], str]:
    def write(data: dict[str, Any]) -> str:
        change(data)
        return json.dumps(data)

    return write


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (cut, "is cut off at line 1"),
        (lambda _: "", "is empty"),
        (lambda _: " \n", "is empty"),
        (lambda _: "\udcff", "is no text"),
        (lambda _: "<html>", "is no JSON: Expecting value at line 1"),
        (lambda data: json.dumps(data) + "\n" + json.dumps(data), "holds more than one JSON object"),
        (lambda data: json.dumps(data).replace("321.0", "NaN"), "holds NaN"),
        (lambda data: json.dumps(data).replace("321.0", "1e999"), "seconds should be a number"),
        (lambda _: "[" * 100_000, "nested too deep"),
        (lambda _: "[]", "is no report of this tool"),
        (lambda _: "{}", "is no report of this tool"),
        (lambda _: json.dumps({"tool": "h2spec", "rows": [], "pinning": {}}), "is no report of this tool"),
        (lambda _: json.dumps(asdict(claims())), "is a report of `suite claims --json`; name it with --claims"),
        (lambda _: json.dumps(check()), "is a report of `suite check --json`; name it with --check"),
        (changed(lambda data: data.update(format=2)), "has format 2, and this version reads 1"),
        (changed(lambda data: data.update(format="x")), "has format 'x'"),
        (changed(lambda data: data.pop("format")), "has format None"),
        (changed(lambda data: data.pop("seconds")), "seconds is missing"),
        (changed(lambda data: data.update(rows={})), "rows should be a list"),
        (changed(lambda data: data.update(rows=[*data["rows"], 7])), "rows[4] should be an object"),
        (changed(lambda data: data["rows"][1].update(verdict="WON")), "rows[1].verdict 'WON' is unknown"),
        (changed(lambda data: data["rows"][0]["rate"].update(median="fast")), "rows[0].rate.median should be a number"),
        (changed(lambda data: data["rows"][0].update(client_limited=1)), "rows[0].client_limited should be a truth value"),
        (changed(lambda data: data["rows"][0]["workload"].update(idle=True)), "rows[0].workload.idle should be a whole number"),
        (changed(lambda data: data["rows"][0].pop("target")), "rows[0].target is missing"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_report_is_named(
    write: Callable[[dict[str, Any]], str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, page = tmp_path / "b.json", tmp_path / "page.html"
    path.write_bytes(write(asdict(bench(FEW, WORKLOADS[:2]))).encode(errors="surrogateescape"))
    line = refused(capsys, "--bench", path, "--html", page)
    assert line.startswith(f"suite: {path} ")
    assert says in line
    assert "; " in line  # the remedy
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_verdict_nobody_knows_in_a_conformance_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = check()
    data["targets"][0]["checks"][0]["verdict"] = "GREAT"
    line = refused(capsys, "--check", save(tmp_path / "c.json", data), "--html", tmp_path / "page.html")
    assert "targets[0].checks[0].verdict should be one of PASS, FAIL" in line


def test_nothing_named_nothing_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert "at least one of --check FILE, --bench FILE, --claims FILE" in refused(capsys)


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such file or directory; --bench takes what" in refused(capsys, "--bench", tmp_path / "none.json")
    assert "Is a directory" in refused(capsys, "--claims", tmp_path)
    assert "cannot read" in refused(capsys, "--check", "a\0b")


@pytest.mark.parametrize(
    ("page", "says"),
    [("none/page.html", "No such file or directory"), ("", "Is a directory"), ("/dev/full", "No space left on device"), ("a\0b", "null")],
)  # fmt: skip
def test_a_page_that_cannot_be_written(
    page: str, says: str, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "--claims", files["claims"], "--html", tmp_path / page)
    assert says in line
    assert "choose another --html FILE" in line
    assert sorted(tmp_path.iterdir()) == sorted(files.values())


def test_a_page_never_replaces_its_report(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    link = files["bench"].with_name("link.json")
    link.symlink_to(files["bench"])
    before = files["bench"].read_bytes()
    assert "would replace the report" in refused(capsys, "--bench", files["bench"], "--html", link)
    assert files["bench"].read_bytes() == before


def test_a_full_disk_leaves_what_was_there(files: dict[str, Path], tmp_path: Path) -> None:
    # A limit on the size of files ends a write as a full disk does: some of it is written, and the next piece fails.
    page = tmp_path / "page.html"
    page.write_text("the last one")
    words = [sys.executable, "-m", "suite", "report", "--bench", str(files["bench"]), "--html", str(page)]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert done.returncode == 2
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1)
    assert f"cannot write {page}: File too large" in done.stderr
    assert page.read_text() == "the last one"
    assert sorted(tmp_path.iterdir()) == sorted([page, *files.values()])


def test_links_modes_and_pipes_stay_what_they_are(files: dict[str, Path], tmp_path: Path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    page.write_text("old")
    page.chmod(0o640)
    link.symlink_to(page)
    assert main(["report", "--claims", str(files["claims"]), "--html", str(link)]) == 0
    assert link.is_symlink()
    assert page.read_text().startswith("<!doctype html>")
    assert page.stat().st_mode & 0o777 == 0o640
    words = [sys.executable, "-m", "suite", "report", "--claims", str(files["claims"]), "--html", "/dev/stdout"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("<!doctype html>")
    assert done.stdout.rstrip().endswith("</html>")


def test_a_new_page_can_be_read_by_whom_the_user_lets(files: dict[str, Path], tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        assert main(["report", "--claims", str(files["claims"]), "--html", str(tmp_path / "page.html")]) == 0
    finally:
        os.umask(mask)
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o640


def test_the_documented_commands_work(files: dict[str, Path]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
    commands = re.findall(r"^\./dev suite (report .*)$", text, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        words = [sys.executable, "-m", "suite", *shlex.split(command)]
        folder = files["check"].parent
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
        assert "KiB" in done.stdout + done.stderr
    assert "<h1>Waiting for sockets</h1>" in files["check"].with_name("report.html").read_text()
