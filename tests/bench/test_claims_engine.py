"""The engine with planted experiments: its events, its exit codes, and what one failing experiment does to the others."""

from collections.abc import Callable

import pytest

from suite import __version__
from suite.bench import place
from suite.bench.claims import catalogue, engine, select
from suite.bench.claims.lab import Fault, Lab, Premise
from suite.bench.claims.trial import Finding, Trial
from suite.bench.dial import Wrong
from suite.bench.findings import ClaimFinished, ClaimsFinished, ClaimsStarted
from suite.errors import HarnessError, TargetError, UsageError


def trial(name: str, what: str | BaseException, *, apart: bool = False) -> Trial:
    def experiment(lab: Lab) -> Finding:
        if isinstance(what, BaseException):
            raise what
        return Finding(what, f"{name} was seen", {"seed": lab.seed})

    return Trial(name, "A claim.", "a threshold", "a source", experiment, apart)


def run(*trials: Trial) -> tuple[int, list[engine.ClaimsEvent]]:
    events: list[engine.ClaimsEvent] = []
    return engine.run(trials, events.append, seed=7, descriptors=1024), events


def verdicts(end: engine.ClaimsEvent) -> list[tuple[str, str]]:
    assert isinstance(end, ClaimsFinished)
    return [(claim.id, claim.verdict) for claim in end.claims]


def test_events_in_order() -> None:
    code, events = run(trial("a", "PASS"), trial("b", "REPORTED"))
    started, first, second, end = events
    assert isinstance(started, ClaimsStarted)
    assert started.claims == ("a", "b")
    assert isinstance(first, ClaimFinished)
    assert (first.claim.id, first.claim.evidence, first.claim.figures) == ("a", "a was seen", {"seed": 7})
    assert isinstance(second, ClaimFinished)
    assert isinstance(end, ClaimsFinished)
    assert (end.tool, end.version, end.format, end.exit, end.interrupted) == ("suite claims", __version__, 1, code, False)  # fmt: skip
    assert end.claims == (first.claim, second.claim)
    assert (end.pinning, end.environment) == (started.pinning, started.environment)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (("PASS",), 0),
        (("REPORTED",), 0),
        (("PASS", "INCONCLUSIVE"), 0),
        (("PASS", "FAIL"), 1),
        (("FAIL", "INCONCLUSIVE"), 1),
        (("INCONCLUSIVE", "INCONCLUSIVE"), 3),
        ((Premise("too little"),), 3),
        (("PASS", HarnessError("no more ports")), 4),
        (("FAIL", ZeroDivisionError("a bug")), 4),
        (("FAIL", KeyboardInterrupt()), 130),
    ],
)
def test_exit_codes(found: tuple[str | BaseException, ...], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUITE_TRACEBACK", raising=False)
    got, events = run(*(trial(f"t{number}", what) for number, what in enumerate(found)))
    end = events[-1]
    assert isinstance(end, ClaimsFinished)
    assert (got, end.exit, end.interrupted) == (code, code, code == 130)


@pytest.mark.parametrize(
    ("what", "evidence"),
    [
        (Premise("400 descriptors are allowed"), "400 descriptors are allowed"),
        (Fault("raw-fork", Wrong("no answer for 5 s")), "raw-fork did not do its work: no answer for 5 s"),
        (TargetError("python3 exited with status 1"), "a server did not start: python3 exited with status 1"),
        (HarnessError("no more ports"), "the tool failed: no more ports"),
        (ZeroDivisionError("a bug"), "the tool failed: ZeroDivisionError: a bug"),
    ],
)
def test_the_other_claims_go_on(what: Exception, evidence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUITE_TRACEBACK", raising=False)
    _, events = run(trial("a", what), trial("b", "PASS"))
    assert verdicts(events[-1]) == [("a", "INCONCLUSIVE"), ("b", "PASS")]
    assert isinstance(events[1], ClaimFinished)
    assert events[1].claim.evidence == evidence


def test_an_interrupt_tells_what_is_known() -> None:
    code, events = run(trial("a", "PASS"), trial("b", KeyboardInterrupt()), trial("c", "PASS"))
    assert code == 130
    assert verdicts(events[-1]) == [("a", "PASS")]


def test_a_comparison_needs_two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "choose", lambda: place.Pinning(why="one processor only"))
    code, events = run(trial("a", "PASS", apart=True), trial("b", "PASS"))
    assert verdicts(events[-1]) == [("a", "INCONCLUSIVE"), ("b", "PASS")]
    assert code == 0


def test_the_registry() -> None:
    trials = catalogue()
    assert len({row.id for row in trials}) == len(trials) == 13
    assert all(row.claim.endswith(".") and row.threshold and row.source for row in trials)
    assert select(()) == trials
    assert [row.id for row in select(("uring-epoll", "one-at-a-time"))] == ["one-at-a-time", "uring-epoll"]


@pytest.mark.parametrize(
    ("name", "says"), [("select-wal", "did you mean select-wall"), ("nonsense", "`suite claims --list` names them all")]
)
def test_an_unknown_claim(name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        select((name,))


def test_a_bug_shows_its_traceback_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUITE_TRACEBACK", "1")
    bug: Callable[[], object] = lambda: run(trial("a", ZeroDivisionError("a bug")))  # noqa: E731
    with pytest.raises(ZeroDivisionError):
        bug()
