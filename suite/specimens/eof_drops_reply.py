"""Fault: drains the socket before it answers, and a FIN found there ends the connection at once. Named by hc-immediate."""

import selectors
import socket
import sys

selector = selectors.DefaultSelector()


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.out = bytearray()
        self.events = selectors.EVENT_READ


def accept(listener):
    try:
        sock, _ = listener.accept()
    except OSError:
        return
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(sock, selectors.EVENT_READ, Client(sock))


def turn(client, mask):
    if mask & selectors.EVENT_READ:
        try:
            while len(client.out) < 65536:
                data = client.sock.recv(65536)
                if not data:
                    drop(client)
                    return
                client.out += data
        except BlockingIOError:
            pass
    if client.out:
        try:
            del client.out[: client.sock.send(client.out)]
        except BlockingIOError:
            pass
    settle(client)


def settle(client):
    readable = len(client.out) < 65536
    events = selectors.EVENT_READ * readable | selectors.EVENT_WRITE * bool(client.out)
    if events != client.events:
        client.events = events
        selector.modify(client.sock, events, client)


def drop(client):
    selector.unregister(client.sock)
    client.sock.close()


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        for key, mask in selector.select():
            if key.data is None:
                accept(listener)
                continue
            try:
                turn(key.data, mask)
            except BlockingIOError:
                pass
            except OSError:  # the client has reset
                drop(key.data)


main()
