"""Fault: full buffers are put off with callLater so that short answers come first, also those of the same connection.
Named by ord-pipelined and ord-generated. Needs twisted."""

import sys

from twisted.internet import endpoints, interfaces, protocol, reactor
from zope.interface import implementer


@implementer(interfaces.IHalfCloseableProtocol)
class Echo(protocol.Protocol):
    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        self.transport.bufferSize = 4096

    def dataReceived(self, data):
        if len(data) == 4096:
            reactor.callLater(0.02, self.transport.write, data)
        else:
            self.transport.write(data)

    def readConnectionLost(self):
        reactor.callLater(0.05, self.transport.loseConnection)

    def writeConnectionLost(self):
        pass


endpoint = endpoints.TCP4ServerEndpoint(reactor, int(sys.argv[2]), 512, sys.argv[1])
factory = protocol.Factory.forProtocol(Echo)
endpoint.listen(factory).addCallback(
    lambda port: print("listening %s:%d" % (port.getHost().host, port.getHost().port), flush=True)
)
reactor.run()
