"""`suite bench` as its user meets it."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram

from tests.bench.conftest import FAULTY

SUITE = [sys.executable, "-m", "suite"]
QUICK = ("--seconds", "0.5", "--connections", "4", "--mode", "closed", "--no-gate")


def bench(*words: str, timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """Run it; wait for those that other tests run beside us, for it refuses to."""
    deadline = time.monotonic() + timeout
    while True:
        done = subprocess.run([*SUITE, "bench", *words], capture_output=True, text=True, timeout=timeout, check=False)
        if "another measurement" not in done.stderr or time.monotonic() > deadline:
            return done
        time.sleep(0.2)


def test_a_run_with_its_files(tmp_path: Path) -> None:
    report, table = tmp_path / "report.json", tmp_path / "report.csv"
    done = bench("raw-epoll", "raw-poll", *QUICK[:4], "--json", str(report), "--csv", str(table))
    assert (done.returncode, done.stderr) == (0, "")
    assert "4x1KiB (closed; ratio to raw-epoll)" in done.stdout
    assert "4x1KiB-open" in done.stdout  # side by side with the closed one, when nothing else is asked for
    assert "loopback" in done.stdout
    data = json.loads(report.read_text())
    assert (data["format"], data["tool"], data["exit"], data["targets"]) == (
        1,
        "suite bench",
        0,
        ["raw-epoll", "raw-poll"],
    )
    assert [row["workload"]["mode"] for row in data["rows"]] == ["closed", "closed", "open", "open"]
    assert data["environment"]["cpus"] == len(os.sched_getaffinity(0))
    first = data["rows"][0]
    histogram = HdrHistogram.decode(first["latency"]["histogram"].encode())
    assert histogram.total_count == first["latency"]["count"] >= first["messages"]
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["target"] for row in rows] == ["raw-epoll", "raw-poll"] * 2
    assert float(rows[0]["rate_median"]) == pytest.approx(first["rate"]["median"])
    same = bench("compare", str(report), str(report))
    assert (same.returncode, same.stderr) == (0, "")
    assert "same" in same.stdout


def test_a_command_beside_a_variant() -> None:
    done = bench("raw-epoll", *QUICK, "--", sys.executable, str(FAULTY), "{host}", "{port}", "right")
    assert (done.returncode, done.stderr) == (0, "")
    assert "faulty.py {host} {port} right" in done.stdout


def test_the_gate_lets_no_wrong_server_pass() -> None:
    # Its fault needs hundreds of kilobytes to show; the gate is the conformance tool, which sends those.
    done = bench(
        "--seconds", "0.5", "--mode", "closed", "--", sys.executable, str(FAULTY), "{host}", "{port}", "repeats"
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "INVALID: it fails" in done.stdout


def test_one_wrong_byte_in_a_million_is_found_without_a_gate() -> None:
    done = bench(*QUICK, "--seconds", "5", "--", sys.executable, str(FAULTY), "{host}", "{port}", "corrupts")
    assert (done.returncode, done.stderr) == (1, "")
    assert "INVALID: wrong byte" in done.stdout


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = bench(f"127.0.0.1:{port}", *QUICK)
    assert (done.returncode, done.stderr) == (3, "")
    assert "INVALID: connection refused" in done.stdout


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
        words = [*SUITE, "bench", "raw-epoll", *QUICK]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("suite: another measurement of suite is running here")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nonsense",), "unknown variant 'nonsense'"),
        (("raw-epoll", "raw-epoll"), "named twice"),
        (("tls://127.0.0.1:1",), "only HOST:PORT"),
        (("raw-epoll", "--connections", "0"), "no whole number from 1 on"),
        (("raw-epoll", "--size", "17MiB"), "no size from 1 byte to 16MiB"),
        (("raw-epoll", "--mode", "sideways"), "no mode"),
        (("raw-epoll", "--rate", "-1"), "no number above 0"),
        (("raw-epoll", "--idle", "900000"), "descriptors"),
        (("raw-epoll", "--json", "/nonexistent/report.json"), "cannot write"),
        (("compare", "/nonexistent/old", "/nonexistent/new"), "cannot read"),
        (("compare", "one"), "required: NEW"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line(words: tuple[str, ...], why: str) -> None:
    done = bench(*words, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_full_disk_costs_the_file_only() -> None:
    done = bench("raw-epoll", *QUICK, "--json", "/dev/full")
    assert done.returncode == 4
    assert "raw-epoll" in done.stdout
    assert done.stderr == "suite: cannot write /dev/full: No space left on device\n"
