"""What servers are called on the page, and which colour is whose: the same in every section."""

from collections.abc import Iterable

__all__ = ("Names",)

_LONGEST = 34


class Names:
    """Short names and colours of targets.

    Args:
        targets: as the reports call them, in the order in which colours are given; twice is once.
    """

    def __init__(self, targets: Iterable[str]) -> None:
        self._slots: dict[str, int] = {}
        self._short: dict[str, str] = {}
        for target in targets:
            self.slot(target)

    def slot(self, target: str) -> int:
        """Return the number that stands for its colour and stroke."""
        return self._slots.setdefault(target, len(self._slots))

    def __contains__(self, target: str) -> bool:
        """Whether it has a colour."""
        return target in self._slots

    def short(self, target: str) -> str:
        """Return its name, without the middle of a long one; no two are called the same."""
        if target not in self._short:
            self._short[target] = self._shortened(target)
        return self._short[target]

    @property
    def shortened(self) -> list[tuple[str, str]]:
        """Names that were shortened, and the whole."""
        return [(short, target) for target, short in self._short.items() if short != target]

    def _shortened(self, target: str) -> str:
        if len(target) <= _LONGEST:
            return target
        name = f"{target[: _LONGEST - 13]}…{target[-12:]}"
        if name not in {*self._short.values(), *self._slots}:
            return name
        return f"{target[: _LONGEST - 13]}…{target[-8:]} ({self.slot(target) + 1})"
