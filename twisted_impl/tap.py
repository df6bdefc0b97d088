"""`twistd suite`: the services on endpoint strings, in Twisted's own process manager.

twistd chooses the reactor (--reactor), daemonises, drops privileges and ends by the signal it got; this module listens,
and drains when told to stop. Errors of the user are one line, without the traceback or the page of help twistd adds.
"""

import logging
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from suite import errors, log, services
from suite.launch import BACKLOG, Limits
from twisted_impl.protocol import SessionFactory
from twisted_impl.server import Acceptor
from twisted_impl.transport import send_eagerly

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

__all__ = ("CannotStart", "Options", "SuiteService", "makeService")

_logger = Logger(namespace="suite")


class CannotStart(SystemExit, Exception):  # noqa: N818 - read by people, as the last line of twistd
    """The reason why the service cannot start, in one line.

    An Exception, so that twistd removes its pid file and a daemon tells its parent; a SystemExit, so that the
    interpreter prints this line alone and exits with status 1.
    """


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(f"{text} is not a positive number of seconds")
    return value


class Options(TwistedOptions):
    """What `twistd suite` takes."""

    longdesc = "Serves one of the small network services until SIGTERM, then drains."
    optFlags = (("verbose", "v", "log connections"),)
    optParameters = (
        ("service", "s", "echo", "echo, discard, chargen, qotd, daytime or time"),
        ("drain-grace", None, Limits().drain_grace, "seconds to finish after SIGTERM", _seconds),
    )

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, description: str) -> None:
        """Endpoint to listen on, such as tcp:7788 or unix:/run/echo.sock; may be repeated (default: tcp:7788:interface=127.0.0.1)."""
        self["listen"].append(description)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; a mistake ends the process with one line, status 1."""
        try:
            super().parseOptions(options)
        except UsageError as error:
            raise CannotStart(f"twistd suite: {str(error).rstrip('.')}; see twistd suite --help") from None

    def postOptions(self) -> None:
        """Check what can be checked before anything is started.

        Raises:
            UsageError: an unknown service, or a description that is no endpoint.
        """
        from twisted.internet import reactor  # noqa: PLC0415 - twistd's --reactor has been obeyed by now, not earlier

        self["listen"] = self["listen"] or ["tcp:7788:interface=127.0.0.1"]
        try:
            self["service"] = services.find(self["service"])
        except errors.UsageError as error:
            raise UsageError(str(error)) from None
        for description in self["listen"]:
            try:
                serverFromString(reactor, description)
            except ImportError as error:
                raise UsageError(f"the endpoint {description!r} needs pip install 'suite[tls]': {error}") from None
            except Exception as error:  # each kind of endpoint has its own parser, and raises what it likes
                raise UsageError(f"cannot understand the endpoint {description!r}: {error}") from None


class _ToTwisted(logging.Handler):
    """Hands the words of suite.log to Twisted's log, which twistd has set up as its user asked."""

    def emit(self, record: logging.LogRecord) -> None:
        report = _logger.info if record.levelno < logging.WARNING else _logger.warn
        report("{text}", text=record.getMessage())


class SuiteService(Service):
    """Listens on every endpoint when started; accepts what is queued, stops listening and drains when stopped.

    Unlike StreamServerEndpointService it fails at once, in the caller, when it cannot listen.
    """

    def __init__(self, reactor: "PosixReactorBase", factory: SessionFactory, endpoints: Sequence[str]) -> None:
        self._reactor = reactor
        self._factory = factory
        self._endpoints = endpoints
        self._acceptors: list[Acceptor] = []

    def privilegedStartService(self) -> None:
        """Listen, before twistd gives up the privilege to.

        Raises:
            CannotStart: an address is taken, forbidden or not of this machine.
        """
        super().privilegedStartService()
        self._acceptors = [Acceptor(self._listen(endpoint)) for endpoint in self._endpoints]

    def startService(self) -> None:
        """Listen, where `privilegedStartService` was not called."""
        super().startService()
        if not self._acceptors:
            self.privilegedStartService()

    def stopService(self) -> Deferred[None]:
        """Stop listening; return what fires once the connections have ended."""
        super().stopService()
        for acceptor in self._acceptors:
            acceptor.stop()
        self._acceptors = []
        return self._factory.drain()

    def _listen(self, endpoint: str) -> Port:
        outcome: list[Port | Failure] = []
        serverFromString(self._reactor, endpoint).listen(self._factory).addBoth(outcome.append)
        port = outcome[0] if outcome else "it is not ready at once"
        if not isinstance(port, Port):
            reason = port.getErrorMessage().rstrip(".") if isinstance(port, Failure) else port
            raise CannotStart(f"twistd suite: cannot listen on {endpoint}: {reason}; choose another --listen")
        if port.addressFamily != socket.AF_UNIX:
            port.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as suite.launch.open_listener does
        if not endpoint.startswith("systemd:") and "backlog=" not in endpoint:
            port.socket.listen(BACKLOG)  # Twisted's default of 50 delays clients by a SYN retransmit of 1 s
        send_eagerly(port)
        return port


def makeService(options: Options) -> SuiteService:  # noqa: D103 - the docstring would only repeat the name
    from twisted.internet import reactor  # noqa: PLC0415 - chosen by twistd by now

    log.set_up(verbose=bool(options["verbose"]), handler=_ToTwisted())
    chosen = cast("PosixReactorBase", reactor)
    factory = SessionFactory(options["service"].load(), Limits(drain_grace=options["drain-grace"]), chosen)
    return SuiteService(chosen, factory, options["listen"])
