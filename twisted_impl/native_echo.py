"""The control: the shortest idiomatic Twisted echo that is correct, on Twisted's own accept loop, without a Session.

Against the textbook's one line it half-closes (a FIN loses no answer) and pauses reading while writes pile up.
"""

import socket
from typing import cast

from twisted.internet import epollreactor
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection
from zope.interface import implementer

from suite.launch import Limits
from suite.session import NewSession

__all__ = ("serve",)


@implementer(IHalfCloseableProtocol)
class _Echo(Protocol):
    transport: Connection  # type: ignore[assignment]  # Twisted promises no more than ITransport

    def connectionMade(self) -> None:
        self.transport.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)

    def readConnectionLost(self) -> None:
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self) -> None:
        pass


def serve(_new_session: NewSession, listener: socket.socket, _limits: Limits) -> None:
    """Echo on the epoll reactor until SIGTERM or SIGINT; session and limits of the driver contract are ignored."""
    epollreactor.install()
    from twisted.internet import reactor as installed  # noqa: PLC0415 - importing it earlier would choose it

    reactor = cast("epollreactor.EPollReactor", installed)
    reactor.adoptStreamPort(listener.fileno(), listener.family, Factory.forProtocol(_Echo))
    listener.close()
    reactor.run()
