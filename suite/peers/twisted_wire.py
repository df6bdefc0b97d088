"""Twisted's own servers of the small services, twisted.protocols.wire, as its documentation starts one: HOST PORT [SERVICE]."""
# mypy: ignore-errors
# Textbook code stays as the textbooks write it, and zope interfaces mean nothing to mypy.

import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols import wire

service = sys.argv[3] if len(sys.argv) > 3 else "echo"
protocols = {
    "echo": wire.Echo,
    "discard": wire.Discard,
    "chargen": wire.Chargen,
    "qotd": wire.QOTD,
    "daytime": wire.Daytime,
    "time": wire.Time,
}
port = reactor.listenTCP(int(sys.argv[2]), Factory.forProtocol(protocols[service]), interface=sys.argv[1])
address = port.getHost()
print(f"listening {address.host}:{address.port}", flush=True)
reactor.run()
