"""Fault: after a short write that follows a short write, it no longer asks for writability. Named by bp-resume."""

import select
import socket
import sys

epoll = select.epoll()
clients = {}


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.out = bytearray()
        self.eof = False
        self.events = select.EPOLLIN
        self.short = 0


def turn(client, mask):
    if mask & ~select.EPOLLOUT and client.events != select.EPOLLOUT:
        data = client.sock.recv(65536)
        client.out += data
        client.eof = not data
    if client.out:
        try:
            del client.out[: client.sock.send(client.out)]
        except BlockingIOError:
            pass
        client.short += bool(client.out)
    settle(client)


def settle(client):
    if client.eof and not client.out:
        drop(client)
        return
    readable = not client.eof and len(client.out) < 65536
    events = select.EPOLLIN * readable | select.EPOLLOUT * bool(client.out and client.short < 2)
    if events != client.events:
        client.events = events
        epoll.modify(client.sock, events)


def drop(client):
    del clients[client.sock.fileno()]
    client.sock.close()


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    listener.setblocking(False)
    epoll.register(listener, select.EPOLLIN)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        for fd, mask in epoll.poll():
            if fd == listener.fileno():
                try:
                    sock, _ = listener.accept()
                except OSError:
                    continue
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[sock.fileno()] = Client(sock)
                epoll.register(sock, select.EPOLLIN)
                continue
            try:
                turn(clients[fd], mask)
            except BlockingIOError:
                pass
            except OSError:  # the client has reset
                drop(clients[fd])


main()
