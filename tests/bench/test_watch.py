"""What a process tree costs is counted in full: threads and children that have ended, too."""

import subprocess
import sys
import time

import pytest

from suite.bench.watch import footprint, usage

BURN = """
import {module}, sys, time
def burn():
    while time.thread_time() < 0.2: pass
one = {kind}(target=burn)
one.start(); one.join()
print(time.process_time(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("module", "kind"),
    [("threading", "threading.Thread"), ("multiprocessing", "multiprocessing.get_context('fork').Process")],
)
def test_what_has_ended_is_paid_for(module: str, kind: str) -> None:
    code = BURN.format(module=module, kind=kind)
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline()  # it has burnt, and what burnt has ended
        assert 0.19 <= usage([process.pid]).cpu < 5
        deadline = time.monotonic() + 5  # a joined thread is the kernel's for a moment longer
        while (held := footprint([process.pid])).threads > 1 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert (held.processes, held.threads) == (1, 1)
        process.communicate()
    assert usage([process.pid]).cpu == 0.0  # nobody there any more
