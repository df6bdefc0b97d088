"""Twisted's own RFC 862 server, twisted.protocols.wire.Echo, as its documentation starts one: HOST PORT."""
# mypy: ignore-errors
# Textbook code stays as the textbooks write it, and zope interfaces mean nothing to mypy.

import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.wire import Echo

port = reactor.listenTCP(int(sys.argv[2]), Factory.forProtocol(Echo), interface=sys.argv[1])
address = port.getHost()
print(f"listening {address.host}:{address.port}", flush=True)
reactor.run()
