"""`suite.check` as a program uses it."""

import gc
import re
import resource
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import suite
from suite.conformance import targets
from suite.errors import TargetError, UsageError
from suite.events import CheckResult, Event, Level, Progress, RunFinished, RunStarted, TargetResult, Verdict
from suite.registry import Capabilities

WIRE = ["open(0) send(0, 00) fin(0) read_eof(0)", "0 bytes, then FIN", "RFC 9293"]


def test_importing_suite_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys, suite\nprint(sorted(name for name in sys.modules if name.startswith('suite')))\n"
        "suite.check\nprint('suite.api' in sys.modules, 'hypothesis' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines() == ["['suite']", "True False"]
    with pytest.raises(AttributeError, match="no attribute 'chekc'"):
        _ = suite.chekc  # type: ignore[attr-defined]


@pytest.mark.usefixtures("nothing_left")
def test_a_failure_says_everything_and_raises() -> None:
    limits, thresholds = resource.getrlimit(resource.RLIMIT_NOFILE), gc.get_threshold()
    report = suite.check("twisted-wire", only=["hc-immediate", "fid-one-byte"], seed=5)
    assert (report.ok, report.verdict, report.exit, report.seed) == (False, "non-conforming", 1, 5)
    assert [(row.id, row.verdict) for row in report.checks] == [("fid-one-byte", "PASS"), ("hc-immediate", "FAIL")]
    (failure,) = report.failures
    assert failure.script == (["open", 0], ["send", 0, {"hex": "00"}], ["fin", 0], ["read_eof", 0])
    again = "again: suite check --seed 5 --only hc-immediate twisted-wire"
    for text in (str(report), report.explain(failure)):
        assert [piece for piece in [*WIRE, again] if piece not in text] == []
    with pytest.raises(suite.ConformanceError) as caught:
        report.raise_for_failures()
    assert (str(caught.value), caught.value.report) == (str(report), report)
    # A guest leaves the process as it found it.
    assert (resource.getrlimit(resource.RLIMIT_NOFILE), gc.get_threshold()) == (limits, thresholds)


@pytest.mark.usefixtures("nothing_left")
def test_a_command_is_judged_and_tells_its_events(script: Callable[..., list[str]]) -> None:
    words = script("while True: serve()")
    events: list[Event] = []
    report = suite.check(
        words,
        only="fid-one-byte",
        capabilities=Capabilities(max_clients=1),
        timeout_factor=2,
        strict=True,
        on_event=events.append,
    )
    report.raise_for_failures()
    assert report.ok
    assert str(report).splitlines()[-1].startswith(f"{' '.join(words)} conforming (1 PASS; ")
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunFinished)
    assert report.again("fid-one-byte").startswith(
        f"suite check --seed {report.seed} --strict --timeout-factor 2 --capability max-clients=1 --only fid-one-byte -- "
    )


@pytest.mark.usefixtures("nothing_left")
def test_another_service_is_judged_by_its_own_checks() -> None:
    report = suite.check("raw-epoll", service="time", seed=1)
    assert (report.ok, report.service) == (True, "time")
    assert [row.id for row in report.checks] == ["time-epoch", "services-stayers"]
    assert report.again("time-epoch") == "suite check --service time --seed 1 --only time-epoch raw-epoll"


def test_a_warning_fails_only_under_strict() -> None:
    row = CheckResult("bp-slow", "backpressure", Level.SHOULD, Verdict.WARN, "late")
    for strict in (False, True):
        report = suite.Report(TargetResult("h:7", "", int(strict), (row,), {}, 1.0), 0, strict)
        assert report.failures == ((row,) if strict else ())


@pytest.mark.usefixtures("nothing_left")
def test_what_an_observer_raises_ends_the_run_and_comes_out() -> None:
    told: list[Event] = []

    def stop(event: Event) -> None:
        told.append(event)
        if not isinstance(event, Progress):
            return
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        suite.check("raw-epoll", on_event=stop)
    assert isinstance(told[-1], Progress)


@pytest.mark.usefixtures("nothing_left")
def test_an_observer_may_interrupt() -> None:
    def stop(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        suite.check("raw-epoll", on_event=stop)


def test_who_cannot_be_reached_is_no_report() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TargetError, match=f"cannot connect to 127.0.0.1:{port}: connection refused"):
        suite.check(f"tcp://127.0.0.1:{port}")
    with pytest.raises(TargetError, match="command not found"):
        suite.check(["/nonexistent/server", "{port}"], only="fidelity")


@pytest.mark.parametrize(
    ("target", "arguments", "says"),
    [
        ("raw-epol", {}, "did you mean raw-epoll"),
        ("raw-epoll", {"only": "hc-imediate"}, "did you mean hc-immediate"),
        ("raw-epoll", {"only": "fidelity", "exclude": ["fidelity"]}, "no check is left"),
        ("raw-epoll", {"profile": "slow"}, "quick, thorough"),
        ("raw-epoll", {"service": "gopher"}, "unknown service"),
        ("raw-epoll", {"service": "nowhere:X"}, "there is no such module"),
        ("raw-epoll", {"service": "time", "only": "half-close"}, "is about the service time"),
        ("raw-epoll", {"timeout_factor": 0}, "from 0.1 to 1000"),
        ("raw-epoll", {"capabilities": "wings"}, "unknown capability"),
        ("localhost:http", {}, "no address"),
        (["cat"], {}, "{port}"),
        ([], {}, "{port}"),
    ],
)
def test_usage_errors(target: str | list[str], arguments: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        suite.check(target, **arguments)  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "api.md").read_text()
    (example,) = re.findall(r"```python\n(import suite\n.*?)```", page, re.DOTALL)
    exec(compile(example, "api.md", "exec"), {})
    assert capsys.readouterr().out.startswith("hc-immediate Rate(failed=")


def test_a_command_is_spelled_so_that_it_can_be_pasted() -> None:
    words = ["./my server", "{host}:{port}", "it's", "", "{a,b}", "$x", "sérver"]
    line = targets.spelled(words)
    assert line.startswith("'./my server' {host}:{port} ")
    assert shlex.split(line) == words
