"""The pytest plugin, run by a pytest of its own."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from suite import api, registry
from suite.events import CheckFinished, CheckResult, Event, Level, TargetResult, Verdict

pytest_plugins = ("pytester",)

Run = Callable[..., pytest.RunResult]

DOCS = Path(__file__).parents[1] / "docs"
MINE = "def test_mine():\n    pass\n"
SCRIPT = "*script*open(0) send(0, 00) fin(0) read_eof(0)"

LEAN = ("-p", "no:trio", "-p", "no:hypothesispytest", "-p", "no:timeout")  # they cost half of a start


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest as people do, in an empty directory of its own."""
    return lambda *words: pytester.runpytest_subprocess("-ra", *LEAN, *words)


@pytest.fixture
def run_here(pytester: pytest.Pytester) -> Run:
    """Run pytest in this process: that is fast."""
    return lambda *words: pytester.runpytest_inprocess("-ra", *LEAN, "-p", "no:xdist", *words)


Can = Callable[..., None]


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Can:
    """Have the engine say what the test says."""

    def can(verdicts: dict[str, str], exit_code: int, note: str = "") -> None:
        def check(target: str, *, only: list[str], on_event: Callable[[Event], None], strict: bool, **_: object) -> api.Report:  # fmt: skip
            rows = tuple(
                CheckResult(name, "fidelity", Level.MUST, Verdict(verdicts.get(name, "PASS")), f"because of {name}")
                for name in only
            )
            for row in rows:
                on_event(CheckFinished(target, row))
            return api.Report(TargetResult(target, "", exit_code, rows, {}, 1.0, note), 0, strict)

        monkeypatch.setattr(api, "check", check)

    return can


def test_every_check_is_a_test_beside_others(pytester: pytest.Pytester, run: Run, run_here: Run) -> None:
    pytester.makepyfile(MINE)
    target = ("--suite-target", "raw-epoll", "--suite-seed", "5")
    run(*target, "-v", "-k", "mine or fid-one or hc-clean-end").stdout.fnmatch_lines_random(
        ["suite: raw-epoll, * checks, seed 5", "*::test_mine PASSED*", "suite::fid-one-byte PASSED*", "suite::hc-clean-end PASSED*", "*= 3 passed, * deselected in*"]
    )  # fmt: skip
    listed = run_here(*target, "--collect-only", "-q", "-k", "half-close", "--suite-exclude", "hc-idle").outlines
    found = [line for line in listed if line.startswith("suite::")]
    assert {"suite::hc-immediate", "suite::hc-generated"} <= set(found)
    assert all(line.startswith("suite::hc-") and line != "suite::hc-idle" for line in found)
    run_here(*target, "-m", "suite", "--suite-only", "fid-empty").assert_outcomes(passed=1, deselected=1)


def test_a_failure_shows_its_script_and_no_traceback(run: Run, run_here: Run) -> None:
    target = ("--suite-target", "twisted-wire", "--suite-only", "half-close", "--suite-seed", "5")
    done = run(*target, "-x")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(
        [
            "*hc-immediate (MUST)*",
            "FAIL 20/20 hc-immediate: What a client sends right before its half-close comes back, then FIN.",
            SCRIPT,
            "*RFC 9293*",
            "*client 0*fin",
            "again: suite check --seed 5 --only hc-immediate twisted-wire",
            "FAILED suite::hc-immediate*",
            "*stopping after 1 failures*",
        ]
    )
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*_pytest_checks*")
    again = run_here(*target, "--lf", "--collect-only", "-q")
    assert [line for line in again.outlines if line.startswith("suite::")] == ["suite::hc-immediate"]


def test_one_worker_of_xdist_runs_them_all(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(MINE)
    done = run("--suite-target", "raw-epoll", "--suite-only", "fid-one-byte,fid-empty,hc-clean-end", "-n", "2", "-v")
    done.assert_outcomes(passed=4)
    workers = re.findall(r"\[(gw\d)\] .* PASSED suite::", done.stdout.str())
    assert len(workers) == 3
    assert len(set(workers)) == 1


def test_the_strictest_configuration_takes_it(pytester: pytest.Pytester) -> None:
    # This repository's own: strict markers, warnings as errors, a time limit, and a mode of pytest-trio that looks into items.
    shutil.copy(DOCS.parent / "pyproject.toml", pytester.path)
    pytester.mkdir("tests")
    done = pytester.runpytest_subprocess("-n", "0", "--suite-target", "raw-epoll", "--suite-only", "fid-one-byte")
    done.assert_outcomes(passed=1)
    assert not done.errlines


def test_a_way_of_xdist_that_would_part_them_is_refused(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_inprocess("--suite-target", "raw-epoll", "-n", "2", "--dist", "worksteal")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in done.errlines if line] == [
        "ERROR: suite: --suite-target does not go with --dist worksteal; use --dist load"
    ]


@pytest.mark.parametrize("how", ["port", "command"])
def test_who_cannot_be_reached_is_one_error(run: Run, run_here: Run, how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target, says = {
        "port": (f"127.0.0.1:{port}", f"no verdict: cannot connect to 127.0.0.1:{port}: connection refused; *"),
        "command": ("/nonexistent/server {port}", "no verdict: cannot start /nonexistent/server: command not found; *"),
    }[how]
    done = (run if how == "port" else run_here)("--suite-target", target, "--suite-only", "fidelity")
    outcomes = done.parseoutcomes()
    assert outcomes.pop("errors" if outcomes.get("errors") else "error") == 1
    assert set(outcomes) == {"skipped"}
    done.stdout.fnmatch_lines([says, "SKIPPED [[]*[]] suite:1: no verdict: see the error of suite::fid-one-byte"])
    done.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("raw-epol",), "did you mean raw-epoll"),
        (("raw-epoll", "--suite-only", "fid-one-bite"), "did you mean fid-one-byte"),
        (("raw-epoll", "--suite-capability", "wings"), "unknown capability"),
        (("server '{port}",), "No closing quotation"),
    ],
)
def test_usage_errors_are_one_line(run_here: Run, words: Sequence[str], says: str) -> None:
    done = run_here("--suite-target", *words)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = filter(None, done.errlines)
    assert line.startswith("ERROR: suite: ")
    assert says in line


def test_it_can_be_switched_off_and_costs_nothing_unused(pytester: pytest.Pytester, run: Run, run_here: Run) -> None:
    pytester.makepyfile(MINE)
    run("-p", "no:suite").assert_outcomes(passed=1)
    assert run_here("-p", "no:suite", "--suite-target", "raw-epoll").ret == pytest.ExitCode.USAGE_ERROR
    code = "import sys, suite.pytest_plugin\nprint(sorted(name for name in sys.modules if name.startswith('suite')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "['suite', 'suite.pytest_plugin']\n"


def test_each_verdict_has_its_outcome(canned: Can, run_here: Run) -> None:
    verdicts = {
        "fid-all-bytes": "WARN",
        "fid-no-decode": "INFO",
        "fid-length": "SKIPPED",
        "fid-no-stale": "INCONCLUSIVE",
        "fid-large": "ERROR",
        "fid-empty": "UNSTABLE",
    }
    canned(verdicts, 4)
    words = ("-Wdefault", "--suite-target", "raw-epoll", "--suite-only", ",".join([*verdicts, "fid-one-byte"]))
    done = run_here(*words)
    done.assert_outcomes(passed=3, skipped=2, errors=1, failed=1, warnings=1)
    done.stdout.fnmatch_lines_random(
        [
            "*ConformanceWarning: fid-all-bytes: because of fid-all-bytes",
            "SKIPPED [[]1] suite:1: fid-length: because of fid-length",
            "SKIPPED [[]1] suite:1: fid-no-stale: because of fid-no-stale",
            "fid-large: because of fid-large",
            "UNSTABLE fid-empty: because of fid-empty",
        ]
    )
    for strict in ("--suite-strict", "-Werror"):
        done = run_here(*words, strict)
        done.assert_outcomes(passed=2, skipped=2, errors=1, failed=2)
        done.stdout.no_fnmatch_line("*During handling*")


@pytest.mark.parametrize(
    ("verdicts", "exit_code", "note", "outcomes"),
    [
        ({"fid-one-byte": "INCONCLUSIVE", "fid-length": "INCONCLUSIVE"}, 3, "", {"errors": 1, "skipped": 1}),
        ({"fid-length": "SKIPPED"}, 1, "the server does not start again", {"passed": 1, "errors": 1}),
        ({"fid-one-byte": "SKIPPED", "fid-length": "SKIPPED"}, 3, "", {"skipped": 2}),  # as declared
    ],
)
def test_no_verdict_never_passes_for_one(
    canned: Can,
    run_here: Run,
    verdicts: dict[str, str],
    exit_code: int,
    note: str,
    outcomes: dict[str, int],
) -> None:
    canned(verdicts, exit_code, note)
    done = run_here("--suite-target", "raw-epoll", "--suite-only", "fid-one-byte,fid-length")
    done.assert_outcomes(**outcomes)
    if note:
        done.stdout.fnmatch_lines([f"no verdict: {note}"])


def test_the_fixture_as_its_page_shows_it(pytester: pytest.Pytester, run: Run) -> None:
    (example,) = re.findall(r"```python\n(import socket\n.*?)```", (DOCS / "api.md").read_text(), re.DOTALL)
    script = next(row.script for row in registry.VARIANTS if row.name == "asyncio-streams")
    assert script is not None
    shutil.copy(script, pytester.path / "server.py")
    pytester.makepyfile(example.replace('"python"', repr(sys.executable)).replace('"half-close"', '"hc-clean-end"'))
    run("-Werror").assert_outcomes(passed=2)


def test_what_a_function_does_wrong_is_told(pytester: pytest.Pytester, run_here: Run) -> None:
    pytester.makepyfile(
        """
        def test_raises(suite_server):
            def serve(listener):
                raise ValueError("no such table")
            suite_server(serve).assert_conforms(only="fid-one-byte")

        def test_shouts(suite_server):
            def serve(port):
                import socket
                with socket.create_server(("127.0.0.1", port)) as listener:
                    while True:
                        connection, _ = listener.accept()
                        with connection:
                            while data := connection.recv(100):
                                connection.sendall(data.upper())
            suite_server(serve).assert_conforms(only="fid-length")

        def test_takes_what_nobody_gives(suite_server):
            suite_server(lambda sock: None)

        def test_returns(suite_server):
            suite_server(lambda port: None)
        """
    )
    done = run_here()
    done.assert_outcomes(failed=4, errors=1)
    done.stdout.fnmatch_lines_random(
        [
            "E       ValueError: no such table",
            "127.0.0.1:*: not an echo server: *",
            "suite_server calls a function with `listener`, or `host` and `port`, not sock",
            "the server function returned before it listened on port *",
        ]
    )
    done.stdout.no_fnmatch_line("*During handling*")
