"""A family of checks: the decorator that turns a function into a row of the catalogue."""

from collections.abc import Callable
from typing import Any

from suite.conformance.plan import Check, Scripts
from suite.events import Level

__all__ = ("INFO", "MUST", "SHOULD", "Family")

MUST, SHOULD, INFO = Level.MUST, Level.SHOULD, Level.INFO


class Family:
    """Collects the checks of one family in the order they are written."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checks: list[Check] = []

    def check(
        self, slug: str, level: Level, requirement: str, *, source: str, known: str, specimen: str, **options: Any
    ) -> Callable[[Scripts], Scripts]:
        """Register the decorated function, which makes the scripts of one check; options as `Check`'s attributes."""

        def register(scripts: Scripts) -> Scripts:
            self.checks.append(Check(slug, self.name, level, requirement, source, known, specimen, scripts, **options))
            return scripts

        return register
