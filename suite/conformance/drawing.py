"""Draws the generated checks' scripts in a process of its own while the fixed ones are played.

Drawing takes as long as a quarter of a run, and a run leaves one of two processors idle. What is drawn follows from the
seed alone, wherever it is drawn: without the process, or once it has failed, the same scripts are drawn here.
"""

import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Self

from suite.conformance.plan import Check, Plan
from suite.conformance.script import Script

__all__ = ("Drawing", "draw_for")

MOST_CLIENTS = 8
"""No generated program has more clients, so targets that allow more share what is drawn."""


class Drawing:
    """Draws scripts ahead, and keeps them for the targets to come; use it as a context manager."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, str], Sequence[Script]] = {}
        self._worker: subprocess.Popen[bytes] | None = None
        self._plan: Plan | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def begin(self, checks: Sequence[Check], plan: Plan) -> None:
        """Start to draw for these checks, in this order; for a single one that is not worth it."""
        self._end()
        plan = _shared(plan)
        names = [check.id for check in checks if check.generated and _key(check.id, plan) not in self._kept]
        if len(names) < 2:
            return
        self._plan = plan
        # A session of its own: Ctrl-C is for the run, which ends this process.
        self._worker = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import draw_for; draw_for()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._worker.stdin is not None
        with suppress(OSError):
            pickle.dump((names, plan), self._worker.stdin)
            self._worker.stdin.close()

    def scripts(self, check: Check, plan: Plan) -> Sequence[Script]:
        """Return the scripts of a check, waiting for them if they are being drawn."""
        if not check.generated:
            return tuple(check.scripts(plan))
        plan = _shared(plan)
        key = _key(check.id, plan)
        while key not in self._kept and self._worker is not None:
            self._receive(self._worker)
        if key not in self._kept:
            self._kept[key] = tuple(check.scripts(replace(plan, check=check.id)))
        return self._kept[key]

    def _receive(self, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdout is not None
        assert self._plan is not None
        try:
            name, scripts = pickle.load(worker.stdout)  # noqa: S301 - our own process
        except (OSError, EOFError, pickle.UnpicklingError):
            self._end()
        else:
            self._kept[_key(name, self._plan)] = scripts

    def _end(self) -> None:
        if self._worker is not None:
            with self._worker as worker:
                worker.kill()
            self._worker = None


def _key(check: str, plan: Plan) -> tuple[str, int, str]:
    return check, plan.most_clients, plan.service


def _shared(plan: Plan) -> Plan:
    """Return the plan with what two targets may differ in taken out."""
    return Plan(plan.seed, plan.profile, min(MOST_CLIENTS, plan.most_clients), service=plan.service)


def draw_for() -> None:
    """Be the process: read a plan and the names of checks, write each one's scripts as they are done."""
    from suite.conformance.checks import find  # noqa: PLC0415 - the catalogue needs this module's neighbours

    names, plan = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    with suppress(BrokenPipeError):  # nobody waits for it any more
        for name in names:
            plan.check = name
            pickle.dump((name, tuple(find(name).scripts(plan))), sys.stdout.buffer)
            sys.stdout.buffer.flush()
