"""One connection: a Session behind Twisted's callbacks; and the factory that makes and drains them.

What a textbook `transport.write(data)` in `dataReceived` lacks, and where it is below
- `IHalfCloseableProtocol`: without it Twisted answers a client's FIN by dropping what is still unsent
  (`Connection.readConnectionLost` in twisted/internet/tcp.py).
- A registered producer: without one `transport.write` buffers without bound (Twisted issue 8868). The transport tells
  its producer when its buffer is above `bufferSize` and when it is empty again.
- `unregisterProducer` before `loseConnection`: a transport with a producer waits for it and never closes.

Whether a reply leaves at once or waits for the reactor is the transport's affair: `twisted_impl.transport`.
"""

from twisted.internet import address
from twisted.internet.base import DelayedCall, ReactorBase
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IPushProducer, ISSLTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from suite import log
from suite.launch import READ_SIZE, Limits
from suite.session import NewSession

__all__ = ("SessionFactory", "SessionProtocol")


@implementer(IHalfCloseableProtocol, IPushProducer)
class SessionProtocol(Protocol):
    """One client's Session.

    Attributes:
        _full: the transport holds more than `limits.high_water` unsent bytes.
        _clogged: it does so because of a reply, so the client is not read from. (Own output does not stop the reading:
            else the half-close of a client that reads slower than the service writes would never be seen.)
        _eof: the client's FIN was read.
        _ending: all is written; input is discarded until the client's FIN.
        _how: how the connection ends, where its last event would not tell.
    """

    transport: Connection  # type: ignore[assignment]  # Twisted promises no more than ITransport

    def __init__(self, factory: "SessionFactory", peer: object) -> None:
        self._factory = factory
        self._peer = peer
        self._full = self._clogged = self._eof = self._ending = False
        self._how: str | None = None
        self._linger: DelayedCall | None = None

    def connectionMade(self) -> None:
        """Make the session and send what it says first."""
        self._factory.connections.add(self)
        if self._factory.verbose:
            log.connected(self._peer)
        # One number is both the high-water mark and the size of a read.
        self.transport.bufferSize = self._factory.limits.high_water
        self.transport.registerProducer(self, True)
        try:
            self._session = self._factory.new_session()
        except Exception as error:
            self._fail(error)
            return
        if self._session.has_output or self._session.finished:
            self._advance()

    def dataReceived(self, data: bytes) -> None:
        """Answer."""
        if self._ending:
            return
        if self._factory.verbose:
            log.received(self._peer, len(data))
        session = self._session
        try:
            reply = session.receive_data(data)
        except Exception as error:
            self._fail(error)
            return
        if reply:
            self.transport.write(reply)
            self._clogged = self._full
        if self._clogged or session.has_output or session.finished or not session.can_receive:
            self._advance()

    def readConnectionLost(self) -> None:
        """The client's FIN: say what is left to say, and close once it is flushed."""
        self._eof = True
        if self._ending:
            self.transport.loseConnection()
            return
        try:
            reply = self._session.receive_eof()
        except Exception as error:
            self._fail(error)
            return
        if reply:
            self.transport.write(reply)
        self._advance()

    def writeConnectionLost(self) -> None:
        """Our FIN is sent: the client has `limits.linger` seconds for its own."""
        self._linger = self._factory.reactor.callLater(self._factory.limits.linger, self._give_up)

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008 - Twisted's signature
        """The end, however it came."""
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        if self._factory.verbose:
            log.closed(self._peer, self._how or ("FIN" if reason.check(ConnectionDone) else "RST"))
        self._factory.ended(self)

    def pauseProducing(self) -> None:
        """The transport's buffer is full. Only noted: whoever wrote last knows whether to stop reading."""
        self._full = True

    def resumeProducing(self) -> None:
        """The transport's buffer is empty."""
        self._full = self._clogged = False
        self._advance()

    def stopProducing(self) -> None:
        """The connection is lost; `connectionLost` follows."""

    def abort(self) -> None:
        """End at once, with RST: the time for an orderly end is over."""
        self._how = "limit"
        self.transport.abortConnection()

    def _advance(self) -> None:
        """Send the session's own output while the client keeps up, then let the flags decide."""
        session = self._session
        transport = self.transport
        try:
            while session.has_output and not self._full:
                # Queued, whatever the transport: a session that talks without end would send for ever while its client
                # keeps up, and nobody else would be served.
                transport.writeSequence([session.data_to_send(READ_SIZE)])
        except Exception as error:
            self._fail(error)
            return
        if (session.finished or self._eof) and not session.has_output:
            self._end()
        elif self._eof or self._clogged or (self._full and not session.can_receive):
            transport.pauseProducing()
        else:
            transport.resumeProducing()

    def _end(self) -> None:
        """Flush, send FIN, and close at the client's FIN: closing on unread input would reset the reply away."""
        self._ending = True
        self.transport.unregisterProducer()
        if self._eof or ISSLTransport.providedBy(self.transport):  # Twisted's TLS has no half-close
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()
            self.transport.resumeProducing()

    def _fail(self, error: Exception) -> None:
        log.trouble("session", f"session of {log.peername(self._peer)} failed", error=error)
        self._end()

    def _give_up(self) -> None:
        self._how = "timeout"
        self.transport.loseConnection()


class SessionFactory(Factory[SessionProtocol]):
    """Makes a SessionProtocol per connection and knows those that live.

    Attributes:
        connections: the living ones.
        limits: high water in bytes; drain grace and linger in seconds.
        verbose: log the per-connection words.
    """

    noisy = False  # Twisted's own words about factories would stand between ours

    def __init__(self, new_session: NewSession, limits: Limits, reactor: ReactorBase) -> None:
        self.new_session = new_session
        self.limits = limits
        self.reactor = reactor
        self.verbose = log.verbose()
        self.connections: set[SessionProtocol] = set()
        self._drained: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> SessionProtocol:
        """Return the protocol of a new connection."""
        return SessionProtocol(self, _peer(addr))

    def ended(self, connection: SessionProtocol) -> None:
        """Forget a connection."""
        self.connections.discard(connection)
        if self._drained is not None and not self.connections:
            drained, self._drained = self._drained, None
            drained.callback(None)

    def drain(self) -> Deferred[None]:
        """Return what fires when the last connection has ended, on its own or reset after `limits.drain_grace`."""
        if not self.connections:
            return succeed(None)
        self._drained = Deferred()
        deadline = self.reactor.callLater(self.limits.drain_grace, self._abort)
        return self._drained.addBoth(lambda _: deadline.cancel() if deadline.active() else None)

    def _abort(self) -> None:
        for connection in list(self.connections):
            connection.abort()


def _peer(addr: IAddress | None) -> object:
    if isinstance(addr, address.IPv4Address | address.IPv6Address):
        return addr.host, addr.port
    return getattr(addr, "name", None) or ""
