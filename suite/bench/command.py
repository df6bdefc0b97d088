"""`suite bench`, `suite bench compare` and `suite bench guard`: from their options to targets, reports and the exit code."""

import argparse
import resource
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from suite import registry
from suite.api import check, roomy
from suite.bench import compare as comparing
from suite.bench import guard as guarding
from suite.bench.place import alone, choose
from suite.bench.results import BenchEvent, Workload
from suite.bench.runner import Cell, Contender, Group, Runner
from suite.conformance.address import addressed
from suite.errors import SuiteError, UsageError
from suite.process import command_of
from suite.registry import Variant
from suite.report.bench_files import BenchFiles
from suite.report.bench_text import BenchText, show_changes, show_guard
from suite.report.text import wants_color

__all__ = ("bench", "compare", "guard")

DEFAULT = ("raw-epoll", "uvloop-protocol", "trio", "twisted-epoll", "raw-thread")
GATE = "fid-one-byte,fid-all-bytes,fid-length,fid-large,seg-coalesced"
"""Checks that a server has to pass before it is measured: it echoes, whatever the bytes and wherever they are cut."""
EACH = 5.0
"""Seconds that each target may have under a workload, by default."""
SPARE = 200
"""Descriptors beside those of connections."""


def bench(options: argparse.Namespace) -> int:
    """Run `suite bench`; return its exit code.

    Raises:
        UsageError: an option or a target makes no sense, or another measurement is running.
    """
    contenders = _contenders(options)
    workloads = _workloads(options)
    seconds = options.seconds if options.seconds is not None else EACH
    _enough(_groups(contenders, workloads, seconds))
    text, files = BenchText(color=wants_color(options.color, sys.stdout)), BenchFiles(options.json, options.csv)

    def emit(event: BenchEvent) -> None:
        text(event)
        files(event)

    with alone(), roomy():
        able = contenders if options.no_gate else [_gated(contender) for contender in contenders]
        seed = 1 if options.seed is None else options.seed
        asked = {"seed": seed, "gate": not options.no_gate, "seconds": seconds}
        groups = _groups(able, workloads, seconds)
        runner = Runner(choose(), emit, seed=seed, syscalls=options.syscalls, options=asked)
        return runner.run(groups).exit


def compare(options: argparse.Namespace) -> int:
    """Run `suite bench compare`; return its exit code.

    Raises:
        UsageError: a file is no report.
    """
    changes, code = comparing.compare(comparing.load(options.old), comparing.load(options.new))
    show_changes(changes, color=wants_color(options.color, sys.stdout))
    return code


def guard(options: argparse.Namespace) -> int:
    """Run `suite bench guard`; return its exit code.

    Raises:
        UsageError: another measurement is running.
    """
    color = wants_color(options.color, sys.stdout)
    missing = {}
    able = {}
    for name in dict.fromkeys(name for bar in guarding.BARS for name in (bar.to, bar.target)):
        try:
            able[name] = _variant(registry.find(name))
        except SuiteError as error:
            missing[name] = str(error)
    text, files = BenchText(color=color, quiet=True), BenchFiles(options.json, None)

    def emit(event: BenchEvent) -> None:
        text(event)
        files(event)

    with alone(), roomy():
        finished = Runner(choose(), emit).run(guarding.groups(able))
    outcomes = guarding.judge(finished.rows, missing)
    show_guard(outcomes, color=color)
    if finished.interrupted:
        return 130
    if any(outcome.verdict == "FAIL" for outcome in outcomes):
        return 1
    return 0 if any(outcome.verdict == "ok" for outcome in outcomes) else 3


def _contenders(options: argparse.Namespace) -> list[Contender]:
    named = list(options.targets)
    if not named and options.command is None:
        named = [name for name in DEFAULT if registry.find(name).unavailable() is None]
    contenders = [_contender(name) for name in named]
    if options.command is not None:
        contenders.append(Contender(" ".join(options.command), tuple(options.command)))
    twice = {one.name for one in contenders if sum(other.name == one.name for other in contenders) > 1}
    if twice:
        raise UsageError(f"{min(twice)} is named twice; a target is compared with others")
    return contenders


def _contender(name: str) -> Contender:
    if ":" not in name:
        return _variant(registry.find(name))
    where = addressed(name)[0]
    if where.tls or isinstance(where.where, str):
        raise UsageError(f"cannot measure {name}: only HOST:PORT and tcp://HOST:PORT; start others with -- CMD")
    return Contender(name, address=where.where[:2])


def _variant(row: Variant) -> Contender:
    row.check()
    return Contender(row.name, tuple(command_of(row)))


def _gated(contender: Contender) -> Contender:
    """Judge a target before it is measured; what cannot be reached is told by the measurement itself."""
    where = contender.name if contender.address is not None else contender.command
    try:
        report = check(where, only=GATE, seed=1, fail_fast=True)
    except SuiteError:
        return contender
    if report.ok or not report.failures:
        return contender
    worst = report.failures[0]
    return Contender(contender.name, contender.command, contender.address, f"it fails {worst.id}: {worst.reason}")


def _workloads(options: argparse.Namespace) -> list[Workload]:
    modes = options.mode or ["closed", "open"]
    sizes = options.size or [1024]
    several = product(modes, options.connections or [50], sizes, options.depth or [1], options.idle or [0])
    workloads = [
        Workload(mode, connections, size, depth if mode == "closed" else 1, idle if mode != "churn" else 0, options.rate if mode == "open" else None)
        for mode, connections, size, depth, idle in several
    ]  # fmt: skip
    return list(dict.fromkeys(workloads))


def _groups(able: Sequence[Contender], workloads: Sequence[Workload], seconds: float) -> list[Group]:
    """Have targets compared under each workload; with several numbers of idle clients, each target with itself."""
    crowds: dict[Workload, list[Workload]] = {}
    for workload in workloads:
        crowds.setdefault(replace(workload, idle=0), []).append(workload)
    groups = []
    for alike in crowds.values():
        if len(alike) == 1:
            groups.append(Group(tuple(Cell(one, alike[0]) for one in able), seconds * len(able)))
        else:
            groups += [Group(tuple(Cell(one, workload) for workload in alike), seconds * len(alike)) for one in able]
    return groups


def _enough(groups: Sequence[Group]) -> None:
    """Raise a UsageError where the descriptors of this process do not suffice for all clients of a group at once."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for group in groups:
        wanted = sum(cell.workload.connections + cell.workload.idle for cell in group.cells) + SPARE
        if most != resource.RLIM_INFINITY and wanted > most:
            names = ", ".join(dict.fromkeys(cell.workload.name for cell in group.cells))
            raise UsageError(
                f"{names} with {len({cell.contender.name for cell in group.cells})} targets at once needs {wanted} descriptors, "
                f"{most} are allowed here; measure fewer at once, or raise `ulimit -Hn`"
            )
