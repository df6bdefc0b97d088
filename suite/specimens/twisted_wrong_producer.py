"""Fault: one producer, that of the first client, is registered with every later transport too: a client that does not
read pauses the first client's reading and not its own. Named by bp-bounded. Needs twisted."""

import sys

from twisted.internet import endpoints, interfaces, protocol, reactor
from zope.interface import implementer

first = []


@implementer(interfaces.IHalfCloseableProtocol)
class Echo(protocol.Protocol):
    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        first.append(self.transport)
        self.transport.registerProducer(first[0], True)

    def dataReceived(self, data):
        self.transport.write(data)

    def readConnectionLost(self):
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def writeConnectionLost(self):
        pass


endpoint = endpoints.TCP4ServerEndpoint(reactor, int(sys.argv[2]), 512, sys.argv[1])
factory = protocol.Factory.forProtocol(Echo)
endpoint.listen(factory).addCallback(
    lambda port: print("listening %s:%d" % (port.getHost().host, port.getHost().port), flush=True)
)
reactor.run()
