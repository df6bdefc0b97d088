"""The same network services on every way of waiting for sockets, and the tool that judges them.

`check`, `Report` and `ConformanceError` are those of `suite.api`, loaded when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ("ConformanceError", "Report", "check")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from suite.api import ConformanceError, Report, check
else:

    def __getattr__(name: str) -> Any:
        # A server, and `suite list`, import this package too: they must not pay for the engine.
        if name in __all__:
            return getattr(import_module("suite.api"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
