"""Reports as the command writes them: before, during and after a run, also one that does not end well."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from junitparser import JUnitXml

from suite.errors import HarnessError, UsageError
from suite.report.files import FileReports
from tests.conftest import eventually
from tests.report.samples import ABOUT, BAD, FAMILIES, run_of

NAMES = {"json": "r.json", "ndjson": "r.ndjson", "junit_xml": "r.xml", "html": "r.html"}
SPECIMENS = Path(__file__).parents[2] / "suite" / "specimens"


def reports(**paths: Path) -> FileReports:
    options = argparse.Namespace(**(dict.fromkeys(NAMES) | paths), strict=False)
    return FileReports(options, FAMILIES, ABOUT, frozenset())


def options_in(folder: Path) -> list[str]:
    return [word for name, file in NAMES.items() for word in (f"--{name.replace('_', '-')}", str(folder / file))]


def suite(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "suite", "check", *words],
        capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def events(folder: Path) -> list[str]:
    return [json.loads(line)["event"] for line in (folder / "r.ndjson").read_text().splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_cannot_be_written_is_said_first(name: str, tmp_path: Path) -> None:
    path = tmp_path / "absent" / "report"
    with pytest.raises(
        UsageError, match=f"cannot write {path}: No such file.*; choose another --{name.replace('_', '-')} FILE"
    ):
        reports(**{name: path})


def test_two_reports_cannot_share_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot share the file"):
        reports(json=tmp_path / "one", html=tmp_path / "." / "one")
    (tmp_path / "one").touch()
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    with pytest.raises(UsageError, match="cannot share the file"):
        reports(json=tmp_path / "one", html=tmp_path / "two")
    files = reports(json=Path(os.devnull), html=Path(os.devnull))
    for event in run_of(BAD):
        files(event)


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_costs_one_report_and_is_told_at_the_end(name: str, tmp_path: Path) -> None:
    files = reports(**({other: tmp_path / file for other, file in NAMES.items()} | {name: Path("/dev/full")}))
    *first, last = run_of(BAD)
    for event in first:
        files(event)
    with pytest.raises(HarnessError, match="cannot write /dev/full: No space left on device"):
        files(last)
    for other, file in NAMES.items():
        assert other == name or (tmp_path / file).stat().st_size > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_pipe_is_read_to_its_end(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    files = reports(**{name: tmp_path / "pipe"})
    for event in run_of(BAD):
        files(event)
    reader.join(10)
    assert "hc-one" in read[0]


@pytest.mark.parametrize("name", NAMES)
def test_an_older_report_is_replaced_when_there_is_a_new_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("an older run " * 20_000)
    files = reports(**{name: path})
    assert path.read_text().startswith("an older run")
    for event in run_of(BAD):
        files(event)
    assert "an older run" not in path.read_text()


def test_a_run_that_fails_writes_all_four(tmp_path: Path) -> None:
    command = [sys.executable, str(SPECIMENS / "eof_drops_reply.py"), "{host}", "{port}"]
    done = suite("--only", "hc-immediate,fid-one-byte", "--seed", "5", *options_in(tmp_path), "--", *command)
    assert (done.returncode, done.stderr) == (1, ""), done
    data = json.loads((tmp_path / "r.json").read_text())
    assert [check["verdict"] for check in data["targets"][0]["checks"]] == ["PASS", "FAIL"]
    assert events(tmp_path)[0] == "run-started"
    assert events(tmp_path)[-1] == "run-finished"
    xml = JUnitXml.fromfile(str(tmp_path / "r.xml"))
    assert (xml.tests, xml.failures, xml.errors) == (2, 1, 0)
    page = (tmp_path / "r.html").read_text()
    assert "does not conform" in page
    assert "--seed 5 --only hc-immediate -- " in page


def test_results_that_nobody_can_read_are_in_the_files_all_the_same(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "suite", "check", "raw-epoll", "--only", "fid-empty", *options_in(tmp_path)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (4, "suite: cannot write the results: No space left on device\n")
    assert json.loads((tmp_path / "r.json").read_text())["targets"][0]["verdict"] == "conforming"
    assert events(tmp_path)[-1] == "run-finished"
    assert JUnitXml.fromfile(str(tmp_path / "r.xml")).tests == 1
    assert "raw-epoll conforms" in (tmp_path / "r.html").read_text()


def test_targets_that_nobody_can_reach_are_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = suite("no.such.host.invalid:7", f"127.0.0.1:{port}", *options_in(tmp_path))
    assert (done.returncode, done.stderr) == (3, ""), done
    assert json.loads((tmp_path / "r.json").read_text())["exit"] == 3
    assert json.loads((tmp_path / "r.ndjson").read_text().splitlines()[-1])["exit"] == 3
    assert JUnitXml.fromfile(str(tmp_path / "r.xml")).errors == 2
    page = (tmp_path / "r.html").read_text()
    assert "0 of 2 targets conform" in page
    assert "cannot resolve host" in page
    assert "connection refused" in page


def test_ctrl_c_reports_what_is_known(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "suite", "check", "raw-epoll", "--profile", "thorough", *options_in(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tool:
        stream = tmp_path / "r.ndjson"
        met = eventually(lambda: stream.exists() and "check-finished" in stream.read_text(), 60)
        for _ in range(3):  # an impatient user
            tool.send_signal(signal.SIGINT)
            time.sleep(0.02)
        out, err = tool.communicate(timeout=30)
    assert met, out + err
    assert (tool.returncode, err) == (130, "")
    assert json.loads((tmp_path / "r.json").read_text())["exit"] == 130
    assert json.loads(stream.read_text().splitlines()[-1])["interrupted"] is True
    xml = JUnitXml.fromfile(str(tmp_path / "r.xml"))
    assert (xml.errors, xml.failures) == (1, 0)
    assert sum(suite.skipped for suite in xml) > 0
    page = (tmp_path / "r.html").read_text()
    assert "Interrupted: this is what was known by then." in page
