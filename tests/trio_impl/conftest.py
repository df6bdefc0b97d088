"""For every test of the Trio driver."""

import pytest

from suite import log


@pytest.fixture(autouse=True)
def _each_test_logs_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trouble is logged at most once a second per process, whichever test it is of."""
    monkeypatch.setattr(log, "_throttles", {})
