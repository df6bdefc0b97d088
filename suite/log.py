"""The words every driver logs, on stderr: listening, connected, received, closed, refused; and trouble.

The first five are shown with -v. Trouble (a failing accept, a raising session) is always shown, but at most one line
a second per kind: under EMFILE a server that logs each failure spends its time on the log.
"""

import logging
import time

__all__ = (
    "Throttle",
    "closed",
    "connected",
    "listening",
    "peername",
    "received",
    "refused",
    "set_up",
    "trouble",
    "verbose",
)

_logger = logging.getLogger("suite.server")
Address = object
"""What `accept` returned for the peer: (host, port, …), or a unix path, possibly empty."""


def set_up(*, verbose: bool, handler: logging.Handler | None = None) -> None:
    """Send the words to stderr, or to a host's own log by `handler`; with `verbose` all of them, else only trouble."""
    if handler is None:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    _logger.addHandler(handler)
    _logger.propagate = False
    _logger.setLevel(logging.INFO if verbose else logging.WARNING)


def verbose() -> bool:
    """Say whether the per-connection words are wanted; a driver asks once, before its loop."""
    return _logger.isEnabledFor(logging.INFO)


def peername(address: Address) -> str:
    """Render a peer's address: HOST:PORT, [HOST]:PORT for IPv6, the path (or "unix") for a unix socket."""
    if isinstance(address, tuple):
        host, port = address[0], address[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return str(address) or "unix"


def listening(address: Address) -> None:
    """Log that connections are accepted at `address`."""
    _logger.info("listening %s", peername(address))


def connected(peer: Address) -> None:
    """Log a new connection."""
    _logger.info("connected %s", peername(peer))


def received(peer: Address, count: int) -> None:
    """Log `count` bytes received from a peer."""
    _logger.info("received %d bytes from %s", count, peername(peer))


def closed(peer: Address, how: str) -> None:
    """Log the end of a connection; `how` is FIN, RST, timeout or limit."""
    _logger.info("closed %s (%s)", peername(peer), how)


def refused(peer: Address, why: str) -> None:
    """Log a connection that was turned away."""
    _logger.info("refused %s: %s", peername(peer), why)


class Throttle:
    """Lets one event through per `interval` seconds and counts the rest."""

    __slots__ = ("_interval", "_next", "_suppressed")

    def __init__(self, interval: float = 1.0) -> None:
        self._interval = interval
        self._next = 0.0
        self._suppressed = 0

    def admit(self) -> int | None:
        """Return how many events were suppressed since the last admitted one, or None to suppress this one."""
        now = time.monotonic()
        if now < self._next:
            self._suppressed += 1
            return None
        self._next = now + self._interval
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed


_throttles: dict[str, Throttle] = {}


def trouble(kind: str, message: str, *, error: BaseException | None = None) -> None:
    """Log a fault that the server survives, at most once a second per `kind` (a small fixed set of words)."""
    suppressed = _throttles.setdefault(kind, Throttle()).admit()
    if suppressed is None:
        return
    more = f" ({suppressed} more like it)" if suppressed else ""
    cause = f": {type(error).__name__}: {error}" if error is not None else ""
    _logger.warning("%s%s%s", message, cause, more)
