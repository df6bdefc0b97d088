"""`suite check`: from its options to targets, reports and the exit code."""

import argparse
import sys
from collections.abc import Callable

from suite import registry
from suite.api import Request
from suite.conformance import checks
from suite.conformance.target import Target
from suite.errors import UsageError
from suite.events import Event
from suite.report.as_json import JsonReport
from suite.report.text import TextReport, wants_color

__all__ = ("check",)


def check(options: argparse.Namespace) -> int:
    """Run `suite check`; return its exit code.

    Raises:
        UsageError: the options contradict each other or name what does not exist.
        TargetError: a host name is unknown.
    """
    request = Request(
        service=options.service,
        only=options.only,
        exclude=options.exclude,
        profile=options.profile,
        seed=options.seed,
        strict=options.strict,
        fail_fast=options.fail_fast,
        timeout_factor=options.timeout_factor,
        capabilities=options.capability,
    )
    wanted = _targets(options, request)
    many = len(wanted) > 1
    text = TextReport(
        checks.FAMILIES,
        {row.id: (row.requirement, row.source, row.known) for row in request.checks},
        color=wants_color(options.color, sys.stdout),
        matrix=many,
    )
    reports: list[Callable[[Event], None]] = [text] if options.json is None else [text, JsonReport(options.json)]

    def emit(event: Event) -> None:
        for report in reports:
            report(event)

    counted = frozenset({"own"}) if "all" in options.targets else frozenset[str]()
    return request.run(wanted, emit, counted)


def _targets(options: argparse.Namespace, request: Request) -> list[Target]:
    if options.command is not None:
        if options.targets:
            raise UsageError("name targets or give a command after --, not both")
        if not options.command:
            raise UsageError("no command after --; for example: suite check -- ./server {host} {port}")
        return [request.target(options.command)]
    if not options.targets:
        raise UsageError("nothing to check; name a variant, HOST:PORT or `all`, or give a command after --")
    if "all" in options.targets:
        if len(options.targets) > 1:
            raise UsageError("`all` stands alone; leave the other targets out")
        return [request.variant(row) for row in registry.own() + (registry.peers() if options.peers else ())]
    if options.peers:
        raise UsageError("--peers goes with `all`")
    return [request.target(text) for text in options.targets]
