"""`suite check` and `suite replay`: from their options to targets, reports and the exit code."""

import argparse
import sys

from suite import registry
from suite.api import Request, names, roomy
from suite.conformance import checks, evidence
from suite.conformance import replay as replaying
from suite.conformance.baseline import Baseline
from suite.conformance.target import Target
from suite.errors import UsageError
from suite.events import Event, RunFinished
from suite.report.as_json import environment
from suite.report.files import FileReports
from suite.report.text import TextReport, show_replay, wants_color

__all__ = ("check", "replay")


def check(options: argparse.Namespace) -> int:
    """Run `suite check`; return its exit code.

    Raises:
        UsageError: the options contradict each other or name what does not exist.
        HarnessError: a report or a repro file could not be written; said when the run is over.
    """
    if options.only and not names(options.only):
        raise UsageError("--only names nothing; leave it out to run every check")
    every = "all" in options.targets and not options.only and options.profile == "quick"
    request = Request(
        service=options.service,
        only=checks.MATRIX if every else options.only,
        exclude=options.exclude,
        profile=options.profile,
        seed=options.seed,
        strict=options.strict,
        fail_fast=options.fail_fast,
        timeout_factor=options.timeout_factor,
        capabilities=options.capability,
        pid=options.pid,
        nofile=options.nofile,
        inject=options.inject,
    )
    wanted = _targets(options, request)
    baseline = None if options.baseline is None else Baseline.load(options.baseline)
    kept = None if options.repro_dir is None else evidence.Evidence(options.repro_dir, request.seed, environment())
    counted = frozenset({"own"}) if "all" in options.targets else frozenset[str]()
    about = {row.id: (row.requirement, row.source, row.known) for row in request.checks}
    families = [family for family in checks.FAMILIES if any(row.family == family for row in request.checks)]
    again = {target.name: request.again(target.command or target.name) for target in wanted}
    files = FileReports(options, families, about, counted, again)
    text = TextReport(families, about, color=wants_color(options.color, sys.stdout), matrix=len(wanted) > 1)
    mute: list[OSError] = []

    def emit(event: Event) -> None:
        try:
            if not mute:
                text(event)
        except OSError as error:  # nobody reads the results any more, or their disk is full; the files are told all
            mute.append(error)
        files(event)
        if mute and (not files or isinstance(event, RunFinished)):
            raise mute[0]

    code = request.run(wanted, emit, counted, evidence=kept, baseline=baseline)
    if kept is not None and kept.error is not None:
        raise kept.error
    return code


def replay(options: argparse.Namespace) -> int:
    """Run `suite replay`; return its exit code.

    Raises:
        UsageError: the file is no repro file, or the target is not one.
    """
    record = evidence.load(options.file)
    words = options.command
    if words is not None and options.target is not None:
        raise UsageError("name a target or give a command after --, not both")
    if words is None and options.target is None and record.kind == "command":
        words = list(record.command)
    what = words if words is not None else options.target or record.name
    # What is given to servers that suite starts means nothing to an address; the replay says what it lacks.
    address = isinstance(what, str) and ":" in what
    named = options.target is not None and not address  # another variant has limits of its own
    request = Request(
        service=record.service,
        capabilities=() if named else record.declared,
        nofile=None if address else record.nofile,
        inject=record.injects and not address,
    )
    target = request.target(what)
    with roomy():
        outcome = replaying.replay(record, target)
    show_replay(outcome, color=wants_color(options.color, sys.stdout))
    return outcome.exit


def _targets(options: argparse.Namespace, request: Request) -> list[Target]:
    if options.pid is not None and (len(options.targets) != 1 or ":" not in options.targets[0]):
        raise UsageError("--pid goes with one address; the processes of what suite starts are known")
    if options.command is not None:
        if options.targets:
            raise UsageError("name targets or give a command after --, not both")
        return [request.target(options.command)]
    if not options.targets:
        raise UsageError("nothing to check; name a variant, HOST:PORT or `all`, or give a command after --")
    if "all" in options.targets:
        if len(options.targets) > 1:
            raise UsageError("`all` stands alone; leave the other targets out")
        rows = registry.own() + (registry.peers() if options.peers else ())
        return [request.variant(row) for row in rows if request.fits(row)]
    if options.peers:
        raise UsageError("--peers goes with `all`")
    return [request.target(text) for text in options.targets]
