"""Servers to measure."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from suite import registry
from suite.process import Server, command_of

FAULTY = Path(__file__).with_name("faulty.py")


@pytest.fixture
def start() -> Iterator[Callable[[str], Server]]:
    """Start a variant, or `faulty.py` with a fault."""
    with ExitStack() as stack:

        def begin(name: str) -> Server:
            known = any(row.name == name for row in registry.VARIANTS)
            words = command_of(registry.find(name)) if known else faulty(name)
            return stack.enter_context(Server.start(words))

        yield begin


def faulty(fault: str) -> list[str]:
    return [sys.executable, "-P", str(FAULTY), "{host}", "{port}", fault]
