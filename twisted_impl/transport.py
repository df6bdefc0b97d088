"""A TCP transport that sends at once, where Twisted's own waits for the reactor to say that the socket is writable.

`FileDescriptor.write` (twisted/internet/abstract.py) queues what it is given and asks for writability; the next turn of
the reactor sends it and takes the request back. That is two calls of epoll_ctl(2) and a second turn for every reply, and
a client that reads has room in its socket nearly always. Here the reactor is asked only after a short write. What is
queued then, and all that the producer and the end of the connection are told about the queue, is Twisted's own.
"""

from twisted.internet.tcp import Port, Server

__all__ = ("EagerServer", "send_eagerly")


class EagerServer(Server):
    """A server's connection whose `write` sends; its `writeSequence` queues, as every transport's does."""

    def write(self, data: bytes) -> None:
        """Send what the socket takes now and queue the rest; after what is queued already, if anything is."""
        sent = 0
        if self.connected and not (self._tempDataLen or self.dataBuffer or self.TLS):
            try:
                sent = self.socket.send(data)
            except OSError:
                pass  # no room, or no connection: the reactor will find the same, and knows what to do
            if sent == len(data):
                return
        super().write(data[sent:])


def send_eagerly(port: Port) -> None:
    """Let a port's future connections send at once. A unix port's have their own way to send, and keep it."""
    if port.transport is Server:
        port.transport = EagerServer
