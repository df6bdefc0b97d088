"""Fault: the listener is edge-triggered and one connection is accepted per edge: of a burst, some wait for the next client.
Named by con-n."""

import select
import socket
import sys

IN, OUT = select.EPOLLIN, select.EPOLLOUT
HIGH = 65536


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.out = b""
        self.ended = False
        self.mask = IN


def drop(client):
    del clients[client.sock.fileno()]
    client.sock.close()


def turn(client, events):
    try:
        if events & ~OUT and client.mask & IN:
            data = client.sock.recv(65536)
            client.ended = not data
            client.out += data
        if client.out:
            client.out = client.out[client.sock.send(client.out) :]
    except BlockingIOError:
        pass
    except OSError:
        drop(client)
        return
    if client.ended and not client.out:
        drop(client)
        return
    mask = (IN if len(client.out) < HIGH and not client.ended else 0) | (OUT if client.out else 0)
    if mask != client.mask:
        client.mask = mask
        epoll.modify(client.sock, mask)


def accept():
    sock, _ = listener.accept()
    sock.setblocking(False)
    clients[sock.fileno()] = Client(sock)
    epoll.register(sock, IN)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
listener.setblocking(False)
epoll = select.epoll()
epoll.register(listener, IN | select.EPOLLET)
clients = {}
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    waiting = False
    for fd, events in epoll.poll():
        if fd in clients:
            turn(clients[fd], events)
        else:
            waiting = True
    if waiting:
        accept()
