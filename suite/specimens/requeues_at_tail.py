"""Fault: the rest of a short write goes behind what has been queued after it. Named by ord-after-stall."""

import collections
import selectors
import socket
import sys

selector = selectors.DefaultSelector()


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.out = collections.deque()
        self.eof = False
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
        data = client.sock.recv(8192)
        client.eof = not data
        if data:
            client.out.append(data)
    try:
        while client.out:
            piece = client.out.popleft()
            sent = 0
            try:
                sent = client.sock.send(piece)
            finally:
                if sent < len(piece):
                    client.out.append(piece[sent:])
    except BlockingIOError:
        pass
    settle(client)


def settle(client):
    if client.eof and not client.out:
        drop(client)
        return
    readable = not client.eof and len(client.out) < 8
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
