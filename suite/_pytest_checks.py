"""One pytest item a check, and the run of the engine that they share.

The engine judges a target as a whole: it draws scripts ahead, learns how fast the server answers, and plays what mostly
waits side by side. So it runs once, in a thread, and each item waits for the verdict of its check.
"""

import shlex
import threading
from collections.abc import Callable, Generator, Iterator
from itertools import groupby
from typing import Any

import pytest

from suite import api
from suite.conformance.plan import Check
from suite.conformance.targets import spelled
from suite.errors import SuiteError, TargetError, UsageError
from suite.events import CheckFinished, CheckResult, Event, Verdict

__all__ = ("Checks", "ConformanceWarning", "settings", "target_of")

LATE = (Verdict.INCONCLUSIVE, Verdict.SKIPPED)
"""What may yet change: such a check is run once more, or its end is that of the whole run."""
DEALT = ("no", "load", "loadgroup", "loadfile")
"""Ways of pytest-xdist to deal out tests in which our items can stay with one worker."""


class ConformanceWarning(UserWarning):
    """The server breaches a SHOULD."""


class _Stopped(Exception):  # noqa: N818 - an order, no error
    """Nobody waits for verdicts any more."""


def target_of(text: str) -> str | list[str]:
    """Return what an option or a test names: the words of a command if it says where {port} goes.

    Raises:
        UsageError: a quotation in it is not closed.
    """
    if "{port}" not in text:
        return text
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text}: {error}") from None


def settings(config: pytest.Config) -> dict[str, Any]:
    """Return the options as arguments of `suite.check`."""
    names = ("only", "exclude", "profile", "seed", "strict", "timeout_factor")
    values = {name: config.getoption(f"suite_{name}") for name in names}
    return values | {"capabilities": config.getoption("suite_capability")}


class Checks:
    """The plugin's half that is there only if there is a target."""

    def __init__(self, config: pytest.Config) -> None:
        self._settings = settings(config)
        try:
            self._target = target_of(config.option.suite_target)
            self._settings |= {"seed": getattr(config, "workerinput", {}).get("suite_seed", self._settings["seed"])}
            request = api.Request(**self._settings)
            try:
                request.target(self._target)
            except TargetError:
                pass  # an unknown host: the first item says so
        except UsageError as error:
            raise pytest.UsageError(f"suite: {error}") from None
        self._again = request.again(self._target)
        self._settings["seed"] = request.seed
        self._settings["fail_fast"] = config.getoption("maxfail") == 1
        self._checks = request.checks
        config.addinivalue_line("markers", "suite: a check of the server that --suite-target names")
        dist = getattr(config.option, "dist", "no")
        if dist not in DEALT:
            raise pytest.UsageError(f"suite: --suite-target does not go with --dist {dist}; use --dist load")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker of pytest-xdist, which reads the command line anew, the seed drawn here."""
        node.workerinput["suite_seed"] = self._settings["seed"]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object | None:
        """Keep our items with one worker: one server, one engine."""
        if config.option.dist == "loadfile":
            return None  # their ids begin as those of a file would
        from xdist.scheduler import LoadGroupScheduling  # noqa: PLC0415 - xdist has asked, so it is there

        class Together(LoadGroupScheduling):  # type: ignore[misc] # untyped; deals out what has no group one by one, as `load` does
            def _split_scope(self, nodeid: str) -> str:
                return "suite" if nodeid.startswith("suite::") else super()._split_scope(nodeid)

        return Together(config, log)

    def pytest_report_header(self) -> str:
        """Name target and seed."""
        target = self._target if isinstance(self._target, str) else spelled(self._target)
        return f"suite: {target}, {len(self._checks)} checks, seed {self._settings['seed']}"

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:  # fmt: skip
        """Add the target to what a session holds: after the tests in files."""
        report = yield
        if isinstance(collector, pytest.Session) and report.passed:
            name = collector.config.option.suite_target
            run = Run(self._target, self._settings)
            nodes = TargetNode.from_parent(collector, name=name, nodeid="suite", checks=self._checks, run=run, again=self._again)  # fmt: skip
            report.result = [*report.result, nodes]
        return report


class Run:
    """The engine at work in a thread, and the verdicts as they come.

    Attributes:
        report: the whole, once it is over; None if it never came to that.
        error: why not.
        told: an item has said why there is no verdict; the others need not.
    """

    def __init__(self, target: str | list[str], settings: dict[str, Any]) -> None:
        self.report: api.Report | None = None
        self.error: Exception | None = None
        self.told = ""
        self._target = target
        self._settings = settings
        self._results: dict[str, CheckResult] = {}
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._over = self._stop = False

    def start(self, ids: list[str]) -> None:
        """Begin to judge by these checks; those that have their verdict keep it."""
        wanted = [name for name in ids if name not in self._results]
        self._over = self._stop = False
        self._thread = threading.Thread(target=self._judge, args=(wanted,), name="suite", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return once the engine has ended, within seconds, and the server with it."""
        self._stop = True
        if self._thread is not None:
            self._thread.join()

    def result(self, name: str) -> CheckResult | None:
        """Wait for a check's verdict; None if the run ended without."""
        with self._news:
            self._news.wait_for(lambda: name in self._results or self._over)
        return self._results.get(name)

    def _judge(self, wanted: list[str]) -> None:
        try:
            if wanted:
                self.report = api.check(
                    self._target, **self._settings | {"only": wanted, "exclude": ()}, on_event=self._take
                )
                self._results |= {row.id: row for row in self.report.checks}
        except _Stopped:
            pass
        except Exception as error:
            self.error = error
        with self._news:
            self._over = True
            self._news.notify_all()

    def _take(self, event: Event) -> None:
        if self._stop:
            raise _Stopped
        if isinstance(event, CheckFinished) and event.result.verdict not in LATE:
            with self._news:
                self._results[event.result.id] = event.result
                self._news.notify_all()


class TargetNode(pytest.Collector):
    """A target; its engine runs from the first of its items to the last."""

    def __init__(self, *, checks: tuple[Check, ...], run: Run, again: api.Again, **rest: Any) -> None:
        super().__init__(**rest)
        self._checks = checks
        self.run = run
        self.again = again

    def collect(self) -> Iterator[pytest.Collector]:
        """Return the families."""
        for family, checks in groupby(self._checks, key=lambda check: check.family):
            yield FamilyNode.from_parent(self, name=family, nodeid=f"suite::{family}", checks=tuple(checks))

    def setup(self) -> None:
        """Judge by what was selected."""
        mine = (item for item in self.session.items if isinstance(item, CheckItem))
        self.run.start([item.check.id for item in mine])

    def teardown(self) -> None:
        """End; early, if the session ends early."""
        self.run.stop()


class FamilyNode(pytest.Collector):
    """A family of checks."""

    def __init__(self, *, checks: tuple[Check, ...], **rest: Any) -> None:
        super().__init__(**rest)
        self._checks = checks

    def collect(self) -> Iterator[pytest.Item]:
        """Return the checks."""
        for check in self._checks:
            yield CheckItem.from_parent(self, name=check.id, nodeid=f"suite::{check.id}", check=check)


class CheckItem(pytest.Item):
    """A check. Its verdict is awaited in its setup and told in its call."""

    obj = None  # what doctests say too; pytest-trio's `trio_mode` asks every item

    def __init__(self, *, check: Check, **rest: Any) -> None:
        super().__init__(**rest)
        self.check = check
        self._result: CheckResult
        self.add_marker("suite")
        if self.config.pluginmanager.hasplugin("timeout"):
            self.add_marker(pytest.mark.timeout(0))  # an item waits for the checks before it; the engine bounds itself

    @property
    def _home(self) -> TargetNode:
        home = self.getparent(TargetNode)
        assert home is not None
        return home

    def reportinfo(self) -> tuple[str, int, str]:
        """Return a heading in place of a file."""
        return "suite", 0, f"{self.check.id} ({self.check.level})"

    def setup(self) -> None:
        """Wait for the verdict; none is an error or a skip."""
        run = self._home.run
        result = run.result(self.check.id)
        if result is None:
            error = run.error or SuiteError("stopped")
            self._without(f"{error}" if isinstance(error, SuiteError) else f"internal error: {error!r}")
        elif result.verdict is Verdict.ERROR:
            run.told = self.nodeid
            pytest.fail(f"{self.check.id}: {result.reason}", pytrace=False)
        elif result.verdict in LATE:
            report = run.report
            assert report is not None
            graded = any(row.failed or row.verdict is Verdict.ERROR for row in report.checks)
            limits = not report.result.note and all(row.verdict is Verdict.SKIPPED for row in report.checks)
            if not report.ok and not graded and not limits:
                self._without(report.result.note or "too few of the MUST checks could be judged; " + result.reason)
            self._skip(result.reason if result.reason == report.result.note else f"{self.check.id}: {result.reason}")
        else:
            self._result = result

    def _without(self, why: str) -> None:
        """Say once why there is no verdict."""
        run = self._home.run
        if run.told:
            self._skip(f"no verdict: see the error of {run.told}")
        run.told = self.nodeid
        pytest.fail(f"no verdict: {why}", pytrace=False)

    def _skip(self, reason: str) -> None:
        raise pytest.skip.Exception(reason, _use_item_location=True)

    def runtest(self) -> None:
        """Pass, warn or fail."""
        result = self._result
        explain: Callable[[CheckResult], str] = self._home.again.explain
        if result.verdict is Verdict.WARN and not self.config.option.suite_strict:
            try:
                self.warn(ConformanceWarning(f"{result.id}: {result.reason}"))
            except ConformanceWarning:
                raise pytest.fail.Exception(explain(result), pytrace=False) from None  # warnings are errors here
        elif result.failed or result.verdict is Verdict.WARN:
            pytest.fail(explain(result), pytrace=False)
