"""`suite.check(target).raise_for_failures()`: judge a server from Python.

`suite check` and the pytest plugin ask the same way: through a Request.
"""

import gc
import resource
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from suite.conformance import checks, engine, oracles, targets
from suite.conformance.baseline import Baseline
from suite.conformance.evidence import Evidence
from suite.conformance.target import Target
from suite.errors import TargetError, UsageError
from suite.events import CheckResult, Event, RunFinished, TargetResult, Verdict
from suite.registry import Capabilities, Variant
from suite.report import plain

__all__ = ("Again", "ConformanceError", "Report", "Request", "check", "limits", "names", "roomy")

PROFILES = ("quick", "thorough")


class ConformanceError(AssertionError):
    """A server does not conform, or could not be judged; the text is the whole report, `report` the Report."""

    def __init__(self, report: "Report") -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True, slots=True)
class Again:
    """The command that repeats a run, or some of its checks: `again("hc-immediate")`.

    Attributes:
        words: its options, without the choice of checks.
        where: the target, as `suite check` takes it.
    """

    words: tuple[str, ...] = ()
    where: tuple[str, ...] = ()

    def __call__(self, *ids: str) -> str:
        """Return the command, for these checks only if any are named."""
        only = ("--only", ",".join(ids)) if ids else ()
        return targets.spelled(["suite", "check", *self.words, *only, *self.where])

    def explain(self, result: CheckResult) -> str:
        """Return a check's failure in full: requirement, shortest script, rate, timeline, and how to see it again."""
        return f"{plain.failure(result, _about())}\nagain: {self(result.id)}"


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one target; `str` gives the report that `suite check` prints.

    Attributes:
        result: everything known of it, as the engine tells it.
        seed: the run's seed, which draws the same scripts again.
        strict: a failed SHOULD counts.
        again: the command that repeats it.
        service: what it was judged as.
    """

    result: TargetResult
    seed: int
    strict: bool = False
    again: Again = Again()
    service: str = "echo"

    @property
    def ok(self) -> bool:
        """Whether the server conforms: neither a failure nor a missing verdict."""
        return self.exit == 0

    @property
    def verdict(self) -> str:
        """One of "conforming", "non-conforming" and "no-verdict"."""
        return self.result.verdict

    @property
    def exit(self) -> int:
        """The exit code that `suite check` ends with: 0, 1, 3 or 4."""
        return self.result.exit

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """What became of each check, in the catalogue's order."""
        return self.result.checks

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that the server failed; with `strict` also those that ended in WARN."""
        return tuple(row for row in self.checks if row.failed or (self.strict and row.verdict is Verdict.WARN))

    def __str__(self) -> str:
        text = plain.whole(self.result, self.seed, _about())
        return text if self.ok else f"{text}\nagain: {self.again(*(row.id for row in self.failures))}"

    def explain(self, result: CheckResult) -> str:
        """Return a check's failure in full: requirement, shortest script, rate, timeline, and how to see it again."""
        return self.again.explain(result)

    def raise_for_failures(self) -> None:
        """Do nothing if the server conforms.

        Raises:
            ConformanceError: it does not, or there is no verdict.
        """
        if not self.ok:
            raise ConformanceError(self)


class Request:
    """How to judge, made sure of before anything starts; `check` says what the arguments mean.

    Attributes:
        oracle: what the service owes.
        checks: the selected checks.
        seed: the given seed, or one drawn now.

    Raises:
        UsageError: an argument names what does not exist or contradicts another.
    """

    def __init__(
        self,
        *,
        service: str = "echo",
        only: str | Iterable[str] = (),
        exclude: str | Iterable[str] = (),
        profile: str = "quick",
        seed: int | None = None,
        strict: bool = False,
        fail_fast: bool = False,
        timeout_factor: float = 1.0,
        capabilities: Capabilities | str | Iterable[str] = (),
        pid: int | None = None,
        nofile: int | None = None,
        inject: bool = False,
    ) -> None:
        self.oracle = oracles.find(service)
        if profile not in PROFILES:
            raise UsageError(f"unknown profile {profile!r}; it is one of {', '.join(PROFILES)}")
        if not 0.1 <= timeout_factor <= 1000:
            raise UsageError(f"the timeout factor is a number from 0.1 to 1000, not {timeout_factor}")
        self.checks = checks.select(names(only), names(exclude), self.oracle)
        self.seed = secrets.randbits(32) if seed is None else seed
        self._declared = (
            capabilities if isinstance(capabilities, Capabilities) else targets.capabilities_of(names(capabilities))
        )
        soft, descriptors = limits()
        if nofile is not None and not 16 <= nofile <= descriptors:
            raise UsageError(f"servers cannot be given {nofile} descriptors; choose 16 to {descriptors}")
        self._how = targets.How(timeout_factor, soft, nofile, pid, self.oracle, inject=inject)
        self._options = engine.Options(self.seed, profile, strict=strict, fail_fast=fail_fast, descriptors=descriptors)

    def target(self, what: str | Sequence[str]) -> Target:
        """Return the target that `what` is: a variant's name, an address, or the words of a command.

        Raises:
            UsageError: it is none of these.
        """
        if isinstance(what, str):
            return targets.parse(what, self._declared, self._how)
        return targets.command(what, self._declared, self._how)

    def variant(self, row: Variant) -> Target:
        """Return the target that starts a variant."""
        return targets.of_variant(row, self._declared, self._how)

    def fits(self, row: Variant) -> bool:
        """Whether a variant serves this service, as far as that is known: what speaks a user's protocol, only he knows."""
        return self.oracle.foreign or self.oracle.service in row.services

    def run(
        self,
        wanted: Sequence[Target],
        emit: Callable[[Event], None],
        counted: frozenset[str] = frozenset(),
        *,
        evidence: Evidence | None = None,
        baseline: Baseline | None = None,
    ) -> int:
        """Judge targets; return the exit code. See `engine.run` and `engine.Options`."""
        options = replace(self._options, evidence=evidence, baseline=baseline)
        with roomy():
            return engine.run(wanted, self.checks, options, emit, counted)

    def again(self, what: str | Sequence[str]) -> Again:
        """Return the command that repeats this request with a target."""
        options = self._options
        words = ["--service", self.oracle.service] if not self.oracle.echoes else []
        words += ["--seed", str(self.seed)]
        words += ["--profile", options.profile] * (options.profile != PROFILES[0])
        words += ["--strict"] * options.strict
        how = self._how
        words += ["--timeout-factor", f"{how.factor:g}"] * (how.factor != 1)
        words += [] if how.limit is None else ["--nofile", f"{how.limit}"]
        words += ["--inject"] * how.inject
        words += [] if how.pid is None else ["--pid", f"{how.pid}"]
        if self._declared is not None:
            declared = ((name.replace("_", "-"), value) for name, value in asdict(self._declared).items() if value)
            text = ",".join(name if value is True else f"{name}={value}" for name, value in declared)
            words += ["--capability", text] * bool(text)
        return Again(tuple(words), (what,) if isinstance(what, str) else ("--", *what))


def check(
    target: str | Sequence[str],
    *,
    only: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    service: str = "echo",
    profile: str = "quick",
    seed: int | None = None,
    strict: bool = False,
    capabilities: Capabilities | str | Iterable[str] = (),
    timeout_factor: float = 1.0,
    fail_fast: bool = False,
    on_event: Callable[[Event], None] | None = None,
) -> Report:
    """Judge one server, as `suite check` does; a quarter of a minute for a healthy one and all checks.

    Args:
        target: a variant's name, "HOST:PORT", "tcp://HOST:PORT", "unix:/path", "tls://HOST:PORT", or the words of a command, in which `{host}` and
            `{port}` are replaced. A command is started on a free port, restarted when it dies, and stopped at the end.
        only: ids of checks or names of families, as words or as one text with commas; empty means all.
        exclude: what to leave out of them.
        service: what the server serves: one of the small services, or "module:attr" for an oracle of your own.
        profile: "quick", or "thorough" with five times as many generated scripts.
        seed: generate the same scripts again.
        strict: a failed SHOULD fails the server.
        capabilities: limits that the server declares: `Capabilities(max_clients=4)`, or "max-clients=4".
        timeout_factor: multiplies every wait.
        fail_fast: stop at the first failed MUST.
        on_event: is told everything as it happens (`suite.events`). What it raises ends the run and is raised here.

    Raises:
        UsageError: an argument names what does not exist or contradicts another.
        TargetError: the server cannot be reached or started.
        HarnessError: the tool ran out of descriptors, ports or processes before it could begin.
        KeyboardInterrupt: as ever; `on_event` has been told what was known.
    """
    request = Request(
        service=service, only=only, exclude=exclude, profile=profile, seed=seed, strict=strict, fail_fast=fail_fast,
        timeout_factor=timeout_factor, capabilities=capabilities,
    )  # fmt: skip
    finished: list[RunFinished] = []
    failed: list[BaseException] = []

    def emit(event: Event) -> None:
        if isinstance(event, RunFinished):
            finished.append(event)
        if on_event is None or failed:
            return
        try:
            on_event(event)
        except BaseException as error:
            failed.append(error)
            # The one exception that the engine takes as an order to conclude and not for a fault of its own.
            raise KeyboardInterrupt from None

    try:
        request.run([request.target(target)], emit)
    except KeyboardInterrupt:
        if not failed:
            raise
    if failed:
        raise failed[0]
    (run,) = finished
    if run.interrupted:
        raise KeyboardInterrupt
    (result,) = run.targets
    if result.dismissed and result.exit == TargetError.exit_code:
        raise TargetError(result.note)
    return Report(result, request.seed, strict, request.again(target), service)


def names(values: str | Iterable[str]) -> tuple[str, ...]:
    """Return names given as words, each of which may hold several with commas between them."""
    words = (values,) if isinstance(values, str) else values
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())


def _about() -> dict[str, tuple[str, str, str]]:
    return {row.id: (row.requirement, row.source, row.known) for row in checks.catalogue()}


def limits() -> tuple[int, int]:
    """Return our descriptor limit, for servers we start, and how far a run may raise it for itself."""
    most = 1 << 20
    soft, hard = (most if limit == resource.RLIM_INFINITY else limit for limit in resource.getrlimit(resource.RLIMIT_NOFILE))  # fmt: skip
    return soft, hard


@contextmanager
def roomy() -> Iterator[None]:
    """Give a run all descriptors allowed, and rare garbage collections; take both back afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    thresholds = gc.get_threshold()
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Thousands of scripts live long and hold no cycles: looking for some among them again and again takes a second.
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
