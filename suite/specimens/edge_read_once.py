"""Fault: edge-triggered, but reads 16 KiB once per edge instead of until EAGAIN. Named by seg-coalesced."""

import select
import socket
import sys

EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.out = bytearray()
        self.eof = False


def turn(client):
    """Return whether the connection is over."""
    if not client.eof and len(client.out) < 65536:
        try:
            data = client.sock.recv(16384)
            client.out += data
            client.eof = not data
        except BlockingIOError:
            pass
    try:
        while client.out:
            del client.out[: client.sock.send(client.out)]
    except BlockingIOError:
        pass
    return client.eof and not client.out


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    clients = {}
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                try:
                    sock, _ = listener.accept()
                except OSError:
                    continue
                sock.setblocking(False)
                clients[sock.fileno()] = Client(sock)
                epoll.register(sock, EVENTS)
                continue
            try:
                over = turn(clients[fd])
            except OSError:
                over = True
            if over:
                clients.pop(fd).sock.close()


main()
