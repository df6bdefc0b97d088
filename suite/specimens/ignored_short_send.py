"""Fault: ignores the count that send() returns; what the kernel did not take is lost.
Named by bp-resume, and by fid-large if the kernel happens to refuse something.
"""

import selectors
import socket
import sys

selector = selectors.DefaultSelector()


class Client:
    def __init__(self, sock):
        self.sock = sock


def accept(listener):
    try:
        sock, _ = listener.accept()
    except OSError:
        return
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(sock, selectors.EVENT_READ, Client(sock))


def turn(client, mask):
    data = client.sock.recv(65536)
    if not data:
        drop(client)
        return
    try:
        client.sock.send(data)
    except BlockingIOError:
        pass


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
