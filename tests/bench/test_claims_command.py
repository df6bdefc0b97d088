"""`suite claims` as people run it: words, exit codes, files, one processor, few descriptors, Ctrl-C."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from suite.bench.claims import catalogue

SUITE = [sys.executable, "-m", "suite"]
pytestmark = pytest.mark.xdist_group("claims")


def claims(*words: str, before: Callable[[], object] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it; wait for those that other tests run beside us, for it refuses to."""
    deadline = time.monotonic() + 100
    while True:
        done = subprocess.run(
            [*SUITE, "claims", *words], capture_output=True, text=True, timeout=100, check=False, preexec_fn=before
        )
        if "another measurement" not in done.stderr or time.monotonic() > deadline:
            return done
        time.sleep(0.2)


def test_a_run_with_its_file(tmp_path: Path) -> None:
    report = tmp_path / "claims.json"
    done = claims("level-edge,threads-share", "--seed", "5", "--json", str(report))
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = done.stdout.splitlines()
    assert "load average" in lines[0]
    assert lines[1].startswith("PASS threads-share ")  # in the registry's order
    assert lines[2].startswith("      claim      Threads share one memory")
    assert any(line.startswith("PASS level-edge ") for line in lines)
    assert sum(line.startswith("      evidence") for line in lines) == 2
    assert sum(line.startswith("      threshold") for line in lines) == 2
    assert lines[-1].startswith("2 PASS in ")
    assert max(map(len, lines)) <= 120
    data = json.loads(report.read_text())
    assert (data["format"], data["tool"], data["exit"], data["interrupted"]) == (1, "suite claims", 0, False)
    assert [claim["id"] for claim in data["claims"]] == ["threads-share", "level-edge"]
    assert data["claims"][1]["plot"]["labels"] == ["on arrival", "with half of it unread", "when more arrives"]
    assert data["environment"]["python"]


def test_one_processor_cannot_compare() -> None:
    one = min(os.sched_getaffinity(0))
    done = claims("fork-cost", before=lambda: os.sched_setaffinity(0, {one}))
    assert (done.returncode, done.stderr) == (3, "")
    assert "nothing is pinned" in done.stdout
    assert "INCONCLUSIVE fork-cost " in done.stdout
    assert "one processor only: servers and generator share it" in done.stdout


def test_few_descriptors() -> None:
    done = claims("scan-all", "level-edge", before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "508 descriptors are needed and 300 allowed; raise `ulimit -Hn`" in done.stdout
    assert "1 PASS, 1 INCONCLUSIVE (scan-all) in " in done.stdout


def test_ctrl_c_reports_what_is_known_and_leaves_nothing_behind() -> None:
    deadline = time.monotonic() + 100
    while True:
        words = [*SUITE, "claims", "level-edge", "edge-speed", "--color", "never"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tool:
            children: list[psutil.Process] = []
            while tool.poll() is None and not any("raw_impl" in _words(child) for child in children):
                children = psutil.Process(tool.pid).children(recursive=True)
                assert time.monotonic() < deadline
                time.sleep(0.02)
            children = psutil.Process(tool.pid).children(recursive=True) if tool.poll() is None else []
            tool.send_signal(signal.SIGINT)
            out, err = tool.communicate(timeout=30)
        if "another measurement" not in err:
            break
        time.sleep(0.2)
    assert (tool.returncode, err) == (130, "")
    assert "PASS level-edge" in out
    assert "interrupted: the above is what is known" in out
    assert "\x1b[" not in out
    assert children
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_two_at_once_would_both_be_wrong() -> None:
    with socket.socket(socket.AF_UNIX) as other:
        deadline = time.monotonic() + 100
        while True:
            try:
                other.bind("\0suite-bench")
                break
            except OSError:  # a test beside us measures
                assert time.monotonic() < deadline
                time.sleep(0.1)
        words = [*SUITE, "claims", "level-edge"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("suite: another measurement of suite is running here")
        listed = subprocess.run([*words, "--list"], capture_output=True, text=True, timeout=60, check=False)
        assert (listed.returncode, listed.stderr) == (0, "")  # nothing is measured


def test_the_list() -> None:
    done = claims("--list")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()[::2]] == [row.id for row in catalogue()]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("select-wal",), "unknown claim 'select-wal'; did you mean select-wall?"),
        (("nonsense",), "`suite claims --list` names them all"),
        (("level-edge", "--json", "/nonexistent/report.json"), "cannot write /nonexistent/report.json"),
        (("level-edge", "--seed", "x"), "invalid int value"),
        (("--", "./server", "{port}"), "`suite bench -- CMD` measures a server of yours"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(words: tuple[str, ...], why: str) -> None:
    done = claims(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_full_disk_costs_the_file_only() -> None:
    done = claims("level-edge", "--json", "/dev/full")
    assert done.returncode == 4
    assert "PASS level-edge" in done.stdout
    assert done.stderr == "suite: cannot write /dev/full: No space left on device\n"


def test_the_page_shows_every_claim() -> None:
    page = (Path(__file__).parents[2] / "docs" / "claims.md").read_text()
    for row in catalogue():
        assert f"| `{row.id}` | {row.claim} |" in page
