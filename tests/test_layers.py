"""The arrows of the layout: imports point down, implementations never see each other, services touch no I/O."""

import ast
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMPLEMENTATIONS = {"raw_impl", "twisted_impl", "trio_impl"}
L0 = {"suite", "suite.errors", "suite.events", "suite.session"}
L1 = {"suite.services"}
L2 = {"suite.accepting", "suite.launch", "suite.log", "suite.registry", "suite.serving"}
L3 = {"suite.census", "suite._child", "suite._reaper", "suite.ports", "suite.process"}
L4 = {"suite.bench", "suite.conformance"}
REPORT = {"suite.report"}  # L4 too, but shows what the other two hold; they never see it: nothing in an engine prints
L5 = {  # what wires the rest together
    "suite.__main__", "suite._pytest_checks", "suite._pytest_server", "suite.api", "suite.bench.claims_command", "suite.bench.command", "suite.cli", "suite.cli_bench", "suite.comparing",
    "suite.conformance.command", "suite.conformance.selftest", "suite.pytest_plugin",
}  # fmt: skip
SCRIPTS = {"suite.peers", "suite.specimens"}

MAY_IMPORT = {
    **dict.fromkeys(L0, L0),
    **dict.fromkeys(L1, L0 - {"suite.events"}),
    **dict.fromkeys(L2, L0 | L1 | L2),
    **dict.fromkeys(L3, L0 | L2 | L3),
    **dict.fromkeys(L4, L0 | L2 | L3),  # no services: what is expected never comes from the code under test
    **dict.fromkeys(REPORT, L0 | L1 | L2 | L3 | L4),
    "suite.__init__": L0 | {"suite.api"},  # looked up when asked for
    **dict.fromkeys(L5, L0 | L1 | L2 | L3 | L4 | REPORT | L5),
    "suite.examples": {"suite.conformance"},  # what users write over the oracle interface
    **dict.fromkeys(IMPLEMENTATIONS, L0 | L1 | L2),
    **{script: set[str]() for script in SCRIPTS},
}
"""What of ours each module or package may import besides itself."""

STDLIB_ONLY = L0 | L1
IO = {"asyncio", "logging", "os", "select", "selectors", "signal", "socket", "ssl", "subprocess", "threading"}


def unit(name: str) -> str | None:
    """Return the longest row of MAY_IMPORT that `name` lies in; None when it is not ours."""
    parts = name.split(".")
    rows = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((row for row in rows if row in MAY_IMPORT), None)


def imports(source: str, package: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
            yield from (f"{base}.{alias.name}" for alias in node.names)


def violations(module: str, source: str) -> list[str]:
    """Name every import of `module` that its layer forbids."""
    home = unit(module)
    assert home is not None
    found = []
    for name in imports(source, module.rpartition(".")[0]):
        target, top = unit(name), name.partition(".")[0]
        if target is None:
            wrong = (home in STDLIB_ONLY and top not in sys.stdlib_module_names) or (home in L1 and top in IO)
        else:
            wrong = target != home and target not in MAY_IMPORT[home]
        if wrong:
            found.append(f"{module} imports {name}")
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for top in sorted({"suite"} | IMPLEMENTATIONS):
        for file in sorted((ROOT / top).rglob("*.py")):
            yield ".".join(file.relative_to(ROOT).with_suffix("").parts), file


def test_every_module_keeps_to_its_layer() -> None:
    assert [line for name, file in modules() for line in violations(name, file.read_text())] == []


def test_every_module_of_suite_has_a_layer() -> None:
    # Else a new one would count as `suite` itself: imported by all, importing next to nothing.
    assert [name for name, _ in modules() if unit(name) == "suite"] == []


@pytest.mark.parametrize(
    ("module", "source", "imported"),
    [
        ("suite.cli", "import raw_impl.epoll", "raw_impl.epoll"),
        ("suite.registry", "def load():\n    from trio_impl import server", "trio_impl.server"),
        ("raw_impl.epoll", "from twisted_impl.server import serve", "twisted_impl.server.serve"),
        ("raw_impl.epoll", "from suite.process import start", "suite.process.start"),
        ("trio_impl.server", "from suite import conformance", "suite.conformance"),
        ("suite.session", "from suite.services import echo", "suite.services.echo"),
        ("suite.errors", "import hypothesis", "hypothesis"),
        ("suite.services.echo", "from suite.launch import Limits", "suite.launch.Limits"),
        ("suite.services.echo", "from .. import log", "suite.log"),
        ("suite.services.__init__", "from ..launch import Limits", "suite.launch.Limits"),
        ("suite.services.echo", "import trio", "trio"),
        ("suite.services.time", "from socket import socket", "socket.socket"),
        ("suite.launch", "from suite.process import start", "suite.process.start"),
        ("suite.conformance.oracle", "from suite.services.echo import Echo", "suite.services.echo.Echo"),
        ("suite.conformance.engine", "import suite.bench.samples", "suite.bench.samples"),
        ("suite.bench.runner", "from suite.conformance import player", "suite.conformance.player"),
        ("suite.conformance.engine", "from suite.report import text", "suite.report.text"),
        ("suite.conformance.engine", "from suite.conformance import command", "suite.conformance.command"),
        ("suite.report.text", "import suite.cli", "suite.cli"),
        ("suite.peers.gevent_server", "if True:\n    import suite", "suite"),
        ("suite.specimens.deaf", "from suite.session import Session", "suite.session.Session"),
    ],
)
def test_a_planted_violation_is_caught(module: str, source: str, imported: str) -> None:
    assert violations(module, source) == [f"{module} imports {imported}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "suite.services.time",
            "import time\nfrom suite.services._message import Message\nfrom suite.session import Session",
        ),
        (
            "raw_impl.epoll",
            "import select\nfrom suite import log\nfrom raw_impl._peer import Peer\nfrom . import _acceptor",
        ),
        ("trio_impl.server", "import trio\nfrom suite.launch import Limits, StopSignal"),
        (
            "suite.conformance.engine",
            "import hypothesis\nfrom suite.process import start\nfrom suite import __version__",
        ),
        ("suite.peers.gevent_server", "import gevent"),
        ("suite.report.listing", "from suite.conformance.checks import catalogue\nfrom suite.services import SERVICES"),
        ("suite.conformance.command", "from suite.report.text import TextReport\nfrom suite.conformance import engine"),
        ("suite.cli", "from suite.conformance import engine\nfrom suite.serving import run"),
    ],
)
def test_what_the_layers_allow_passes(module: str, source: str) -> None:
    assert violations(module, source) == []


def test_the_drop_in_folders_are_no_packages() -> None:
    # An __init__.py in the first would hide Twisted itself; Twisted skips plug-in folders that are packages.
    assert list((ROOT / "twisted_impl/dropin").rglob("__init__.py")) == []
