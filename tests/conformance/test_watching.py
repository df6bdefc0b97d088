"""A server's processes are looked at where they are known, and only there."""

import sys

from suite.conformance import targets, zoo
from suite.conformance.checks import find
from suite.conformance.confirm import breach
from suite.conformance.plan import Plan


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
