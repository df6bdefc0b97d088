"""A run made by hand: one target that fails with hostile text, one with limits, one never reached."""

from suite.events import (
    CheckFinished,
    CheckResult,
    Divergence,
    Event,
    Level,
    Moment,
    Progress,
    Rate,
    Repro,
    RunFinished,
    RunStarted,
    TargetFinished,
    TargetResult,
    TargetStarted,
    Verdict,
)  # fmt: skip

HOSTILE = "</failure>]]><script>document.title='taken'</script>\x1b[31m\x00\u202e\udc80 &amp; {{ 7 * 7 }}"
ABOUT = {
    "fid-one": ("It echoes.", "RFC 862", "a bug"),
    "hc-one": ("It comes back.", "RFC 9293", "a known bug (https://example.org/issues/1), and one more"),
    "hc-soft": ("It is polite.", "tcp(7)", "another"),
}
FAMILIES = ("fidelity", "half-close", "reset")

PASSED = CheckResult("fid-one", "fidelity", Level.MUST, Verdict.PASS, scripts=3, seconds=0.25)
FAILED = CheckResult(
    "hc-one", "half-close", Level.MUST, Verdict.FAIL, f"open(0): {HOSTILE}", "2 bytes", f"{HOSTILE}",
    script=(["open", 0], ["send", 0, {"hex": "00"}], ["pause", 5]),
    rate=Rate(19, 20),
    timeline=(Moment(0.0015, 0, "fin"), Moment(0.002, 1, HOSTILE), Moment(0.003, -1, "refused")),
    divergence=Divergence(1, 10, 0, bytes(range(16)), bytes(range(10)) + b"A"),
    repro=Repro("out/hc-one.json", "out/hc-one.py", "printf x | nc -N {host} {port}"),
    endings={0: "FIN", 1: "RST"},
    premises={"fin-with-data": 7}, scripts=2, seconds=1.5,
)  # fmt: skip
WARNED = CheckResult("hc-soft", "half-close", Level.SHOULD, Verdict.WARN, "rude", "thanks", "nothing", scripts=1)
LIMITED = CheckResult("hc-one", "half-close", Level.MUST, Verdict.SKIPPED, "needs 2 clients at once")
UNDECIDED = CheckResult("hc-soft", "half-close", Level.SHOULD, Verdict.INCONCLUSIVE, "premise never reached: stall")
UNREACHED = tuple(
    CheckResult(check, family, Level.MUST, Verdict.SKIPPED, "connection refused")
    for check, family in (("fid-one", "fidelity"), ("hc-one", "half-close"), ("hc-soft", "half-close"))
)

BAD = TargetResult("bad <b>server</b>", "non-conforming", 1, (PASSED, FAILED, WARNED), {}, 2.0, address="127.0.0.1:9")
FEW = TargetResult("few", "conforming", 0, (PASSED, LIMITED, UNDECIDED), {"max-clients": 1, "polls": True}, 1.0)
GONE = TargetResult("h:7", "no-verdict", 3, UNREACHED, {}, 0.1, note="connection refused", dismissed=True)


def run_of(
    *targets: TargetResult,
    kind: str = "own",
    exit_code: int = 1,
    interrupted: bool = False,
    progress: int = 0,
    stale: tuple[str, ...] = (),
) -> list[Event]:
    """Return the events of a run over these targets, with so many Progress events before each check."""
    events: list[Event] = [RunStarted(tuple(result.target for result in targets), "echo", 42, "quick")]
    for result in targets:
        events.append(TargetStarted(result.target, kind, len(result.checks)))
        for check in result.checks:
            events += [Progress(result.target, check.id, "playing", at) for at in range(progress)]
            events.append(CheckFinished(result.target, check))
        events.append(TargetFinished(kind, result))
    return [*events, RunFinished(targets, exit_code, 3.25, interrupted, stale)]
