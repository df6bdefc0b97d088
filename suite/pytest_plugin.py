"""The pytest plugin: `pytest --suite-target HOST:PORT` adds one test a check; `suite_server` judges a test's own server.

pytest imports this module in every run of an environment that has suite installed: it imports nothing of suite, and
without `--suite-target` or the fixture nothing else happens.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from suite._pytest_server import Make

__all__ = ("pytest_addoption", "pytest_configure", "suite_server")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; those without a target also hold for `suite_server`."""
    group = parser.getgroup("suite", "conformance of a server (suite)")
    group.addoption(
        "--suite-target",
        metavar="TARGET",
        help="judge this server, one test a check: a variant, HOST:PORT, or a command with {port}",
    )
    group.addoption("--suite-only", action="append", default=[], metavar="ID|FAMILY,…", help="run only these checks")
    group.addoption("--suite-exclude", action="append", default=[], metavar="ID|FAMILY,…", help="leave these out")
    group.addoption("--suite-seed", type=int, metavar="N", help="generate the same scripts again")
    group.addoption("--suite-profile", default="quick", metavar="quick|thorough", help="how much to generate")
    group.addoption(
        "--suite-capability",
        action="append",
        default=[],
        metavar="max-clients=N,…",
        help="declare a limit of the server: max-clients=N, idle-timeout=S, polls",
    )
    group.addoption("--suite-strict", action="store_true", help="a failed SHOULD fails, instead of a warning")
    group.addoption("--suite-timeout-factor", type=float, default=1.0, metavar="F", help="multiply every wait")


def pytest_configure(config: pytest.Config) -> None:
    """Wake up if there is a target.

    Raises:
        pytest.UsageError: an option names what does not exist, or tests would be dealt out one by one (pytest-xdist).
    """
    if config.option.suite_target is None:
        return
    from suite import _pytest_checks  # noqa: PLC0415 - the engine, only for those who want it

    config.pluginmanager.register(_pytest_checks.Checks(config), "suite-checks")


@pytest.fixture
def suite_server(request: pytest.FixtureRequest) -> "Iterator[Make]":
    """Make servers to be judged: `suite_server(serve).assert_conforms(only="half-close")`.

    The argument is a command (words, or one text, with `{host}` and `{port}`) or a function that serves until its
    listener is shut down; the function is called in a thread, with what its parameters name: `listener`, `host`, `port`.
    """
    from suite._pytest_server import serving  # noqa: PLC0415 - the engine, only for those who want it

    with serving(request.config) as make:
        yield make
