"""Scripts drawn in another process are those drawn here, whatever becomes of that process."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from suite.conformance.checks import find
from suite.conformance.drawing import Drawing
from suite.conformance.plan import Check, Plan

TWO = (find("hc-generated"), find("iso-generated"))


def here(check: Check, plan: Plan) -> object:
    plan.check = check.id
    return tuple(check.scripts(plan))


@pytest.mark.parametrize("most", [1, 8])
def test_what_is_drawn_follows_from_the_seed_alone(most: int) -> None:
    with Drawing() as drawing:
        drawing.begin(TWO, Plan(5, most_clients=most, rate=1.0, round_trip=3.0))
        for check in TWO:
            scripts = drawing.scripts(check, Plan(5, most_clients=most))
            assert scripts == here(check, Plan(5, most_clients=most))
            assert scripts != here(check, Plan(6, most_clients=most))


def test_targets_that_allow_eight_clients_or_more_share_what_is_drawn() -> None:
    with Drawing() as drawing:
        many, most = Plan(5, most_clients=9), Plan(5, most_clients=512)
        assert drawing.scripts(TWO[0], many) is drawing.scripts(TWO[0], most)
        assert drawing.scripts(TWO[0], many) is not drawing.scripts(TWO[0], Plan(5, most_clients=1))


def worker_of(drawing: Drawing) -> psutil.Process:
    assert drawing._worker is not None
    return psutil.Process(drawing._worker.pid)


def test_a_process_that_is_killed_changes_nothing_and_none_is_left() -> None:
    with Drawing() as drawing:
        drawing.begin(TWO, Plan(5))
        worker_of(drawing).kill()
        assert drawing.scripts(TWO[1], Plan(5)) == here(TWO[1], Plan(5, most_clients=8))
        drawing.begin((*TWO, find("con-generated")), Plan(7))
        worker = worker_of(drawing)
    assert not worker.is_running()


def test_it_ends_when_the_run_is_killed() -> None:
    code = (
        "from suite.conformance.checks import catalogue; from suite.conformance.drawing import Drawing;"
        "from suite.conformance.plan import Plan; import time;"
        "drawing = Drawing(); drawing.begin(catalogue(), Plan(5)); print(drawing._worker.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        run.kill()
    deadline = time.monotonic() + 20
    try:
        while psutil.pid_exists(worker) and psutil.Process(worker).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    except psutil.NoSuchProcess:
        pass
    except AssertionError:
        os.kill(worker, signal.SIGKILL)
        raise
