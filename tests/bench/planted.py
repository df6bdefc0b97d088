"""Claims' experiments on planted servers: a row of the registry stands for another for the time of a test."""

from dataclasses import replace

import pytest

from suite import registry


def plant(monkeypatch: pytest.MonkeyPatch, name: str, target: str) -> None:
    """Have the variant `name` run another driver or script."""
    rows = tuple(replace(row, target=target) if row.name == name else row for row in registry.VARIANTS)
    monkeypatch.setattr(registry, "VARIANTS", rows)
