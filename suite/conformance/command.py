"""`suite check`: from its options to targets, checks, reports and the exit code."""

import argparse
import gc
import math
import resource
import secrets
import sys
from collections.abc import Callable

from suite import registry
from suite.conformance import checks, engine, oracles, targets
from suite.conformance.dialogue import Oracle
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
    oracle = oracles.find(options.service)
    if not 0 < options.timeout_factor < math.inf:
        raise UsageError(f"--timeout-factor wants a positive number, not {options.timeout_factor}")
    selected = checks.select(_names(options.only), _names(options.exclude), oracle)
    soft, descriptors = _raise_descriptors()
    wanted = _targets(options, soft, oracle)
    many = len(wanted) > 1
    seed = secrets.randbits(32) if options.seed is None else options.seed
    text = TextReport(
        tuple(dict.fromkeys(row.family for row in selected)),
        {row.id: (row.requirement, row.source, row.known) for row in selected},
        color=wants_color(options.color, sys.stdout),
        matrix=many,
    )
    reports: list[Callable[[Event], None]] = [text] if options.json is None else [text, JsonReport(options.json)]

    def emit(event: Event) -> None:
        for report in reports:
            report(event)

    # Thousands of scripts live long and hold no cycles: looking for some among them again and again takes a second.
    gc.set_threshold(100_000, 50, 100)
    how = engine.Options(
        seed, options.profile, strict=options.strict, fail_fast=options.fail_fast, descriptors=descriptors
    )
    counted = frozenset({"own"}) if "all" in options.targets else frozenset[str]()
    return engine.run(wanted, selected, how, emit, counted)


def _targets(options: argparse.Namespace, nofile: int, oracle: Oracle) -> list[Target]:
    declared = targets.capabilities_of(_names(options.capability))
    factor = options.timeout_factor
    if options.command is not None:
        if options.targets:
            raise UsageError("name targets or give a command after --, not both")
        if not options.command:
            raise UsageError("no command after --; for example: suite check -- ./server {host} {port}")
        if not any("{port}" in word for word in options.command):
            raise UsageError(
                "the command does not say where {port} goes; for example: suite check -- ./server --port {port}"
            )
        return [targets.command(options.command, declared, factor=factor, nofile=nofile, oracle=oracle)]
    if not options.targets:
        raise UsageError("nothing to check; name a variant, HOST:PORT or `all`, or give a command after --")
    if "all" in options.targets:
        if len(options.targets) > 1:
            raise UsageError("`all` stands alone; leave the other targets out")
        rows = registry.own() + (registry.peers() if options.peers else ())
        if not oracle.foreign:
            rows = tuple(row for row in rows if oracle.service in row.services)
        return [targets.of_variant(row, declared, factor=factor, nofile=nofile, oracle=oracle) for row in rows]
    if options.peers:
        raise UsageError("--peers goes with `all`")
    return [targets.parse(text, declared, factor=factor, nofile=nofile, oracle=oracle) for text in options.targets]


def _names(values: list[str]) -> tuple[str, ...]:
    return tuple(name for value in values for name in value.split(",") if name)


def _raise_descriptors() -> tuple[int, int]:
    """Raise our own descriptor limit as far as allowed; return the old soft limit, for servers we start, and ours."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    most = 1 << 20
    return (most if soft == resource.RLIM_INFINITY else soft), (most if hard == resource.RLIM_INFINITY else hard)
