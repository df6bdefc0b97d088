"""Fault: EPOLLONESHOT, and after a write that the kernel refused altogether the registration is not renewed.
Named by bp-resume."""

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
        while client.out:
            client.out = client.out[client.sock.send(client.out) :]
    except BlockingIOError:
        if client.out:
            return
    except OSError:
        drop(client)
        return
    if client.ended and not client.out:
        drop(client)
        return
    mask = (IN if len(client.out) < HIGH and not client.ended else 0) | (OUT if client.out else 0)
    client.mask = mask
    epoll.modify(client.sock, mask | select.EPOLLONESHOT)


def accept():
    while True:
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        clients[sock.fileno()] = Client(sock)
        epoll.register(sock, IN | select.EPOLLONESHOT)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
listener.setblocking(False)
epoll = select.epoll()
epoll.register(listener, IN)
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
