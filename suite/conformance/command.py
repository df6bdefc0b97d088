"""`suite check`: from its options to targets, checks, reports and the exit code."""

import argparse
import gc
import resource
import secrets
import sys

from suite import registry, services
from suite.conformance import checks, engine, evidence, targets
from suite.conformance import replay as replaying
from suite.conformance.baseline import Baseline
from suite.conformance.target import Target
from suite.errors import UsageError
from suite.events import Event
from suite.report.as_json import environment
from suite.report.files import FileReports
from suite.report.text import TextReport, show_replay, wants_color

__all__ = ("check", "names_of", "raise_descriptors", "replay")


def check(options: argparse.Namespace) -> int:
    """Run `suite check`; return its exit code.

    Raises:
        UsageError: the options contradict each other or name what does not exist.
    """
    if services.find(options.service).name != "echo":
        raise UsageError(f"there are no checks for the service {options.service!r}, only for echo")
    if not 0.1 <= options.timeout_factor <= 1000:
        raise UsageError(f"--timeout-factor wants a number from 0.1 to 1000, not {options.timeout_factor}")
    selected = checks.select(names_of(options.only), names_of(options.exclude))
    soft, descriptors = raise_descriptors()
    wanted = _targets(options, soft)
    many = len(wanted) > 1
    seed = secrets.randbits(32) if options.seed is None else options.seed
    baseline = None if options.baseline is None else Baseline.load(options.baseline)
    kept = None if options.repro_dir is None else evidence.Evidence(options.repro_dir, seed, environment())
    counted = frozenset({"own"}) if "all" in options.targets else frozenset[str]()
    about = {row.id: (row.requirement, row.source, row.known) for row in selected}
    families = [family for family in checks.FAMILIES if any(row.family == family for row in selected)]
    files = FileReports(options, families, about, counted)
    text = TextReport(families, about, color=wants_color(options.color, sys.stdout), matrix=many)

    def emit(event: Event) -> None:
        text(event)
        files(event)

    # Thousands of scripts live long and hold no cycles: looking for some among them again and again takes a second.
    gc.set_threshold(100_000, 50, 100)
    how = engine.Options(
        seed,
        options.profile,
        strict=options.strict,
        fail_fast=options.fail_fast,
        descriptors=descriptors,
        evidence=kept,
        baseline=baseline,
    )
    return engine.run(wanted, selected, how, emit, counted)


def replay(options: argparse.Namespace) -> int:
    """Run `suite replay`; return its exit code.

    Raises:
        UsageError: the file is no repro file, or the target is not one.
        TargetError: a host name is unknown.
    """
    record = evidence.load(options.file)
    soft, _ = raise_descriptors()
    words = options.command
    if words is not None and options.target is not None:
        raise UsageError("name a target or give a command after --, not both")
    if words is None and options.target is None and record.kind == "command":
        words = list(record.command)
    if words is not None:
        target = targets.command(words, None, targets.How(nofile=soft))
    else:
        target = targets.parse(options.target or record.name, None, targets.How(nofile=soft))
    outcome = replaying.replay(record, target)
    show_replay(outcome, color=wants_color(options.color, sys.stdout))
    return outcome.exit


def _targets(options: argparse.Namespace, nofile: int) -> list[Target]:
    declared = targets.capabilities_of(names_of(options.capability))
    how = targets.How(options.timeout_factor, nofile, options.nofile, options.pid)
    if how.pid is not None and (len(options.targets) != 1 or ":" not in options.targets[0]):
        raise UsageError("--pid goes with one HOST:PORT; the processes of what suite starts are known")
    if options.command is not None:
        if options.targets:
            raise UsageError("name targets or give a command after --, not both")
        return [targets.command(options.command, declared, how)]
    if not options.targets:
        raise UsageError("nothing to check; name a variant, HOST:PORT or `all`, or give a command after --")
    if "all" in options.targets:
        if len(options.targets) > 1:
            raise UsageError("`all` stands alone; leave the other targets out")
        rows = registry.own() + (registry.peers() if options.peers else ())
        return [targets.of_variant(row, declared, how) for row in rows]
    if options.peers:
        raise UsageError("--peers goes with `all`")
    return [targets.parse(text, declared, how) for text in options.targets]


def names_of(values: list[str]) -> tuple[str, ...]:
    """Split `--only A,B --only C` into its names."""
    return tuple(name for value in values for name in value.split(",") if name)


def raise_descriptors() -> tuple[int, int]:
    """Raise our own descriptor limit as far as allowed; return the old soft limit, for servers we start, and ours."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = 1 << 20
    return (most if soft == resource.RLIM_INFINITY else soft), (most if hard == resource.RLIM_INFINITY else hard)
