"""A server's processes are looked at where they are known, and only there."""

import os
import socket
import subprocess
import sys

import pytest

from suite.conformance import targets, zoo
from suite.conformance.checks import find
from suite.conformance.confirm import breach
from suite.conformance.plan import Plan
from suite.errors import UsageError


def test_a_process_that_nobody_knows_is_not_looked_at() -> None:
    words = [sys.executable, "-P", str(zoo.FOLDER / "keeps_descriptors.py"), "{host}", "{port}"]
    with targets.command(words, None, targets.How()) as launched:
        unknown = targets.parse(launched.address, None, targets.How())
        known = targets.parse(launched.address, None, targets.How(pid=launched.pid))
        assert [unknown.offers(need) for need in ("", "pid", "launch", "nofile")] == [True, False, False, False]
        assert [known.offers(need) for need in ("", "pid", "launch", "nofile")] == [True, True, False, False]
        check = find("res-fd")
        (script,) = check.scripts(Plan(1, check="res-fd"))
        with unknown, known:
            assert not unknown.play(script).measures
            finding = breach(check, known.play(script), known)
    assert finding is not None
    assert finding.kind == "kept"


def test_a_process_that_does_not_serve_there_is_refused() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as idle,
    ):
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        for pid, why in ((0, "no such process"), (-1, "no such process"), (os.getpid(), "a parent of suite itself")):
            with pytest.raises(UsageError, match=why):
                targets.parse(address, None, targets.How(pid=pid))
        with pytest.raises(UsageError, match="does not listen on port"):
            targets.parse(address, None, targets.How(pid=idle.pid))
        idle.kill()
        idle.wait()
        with pytest.raises(UsageError, match="no such process"):
            targets.parse(address, None, targets.How(pid=idle.pid))
