"""Fault: edge-triggered, and the list of ready clients is changed while it is iterated: when one leaves, the next one is
passed over and its edge is lost. Named by dis-many-at-once.
"""

import select
import socket
import sys

EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.out = b""
        self.ended = False


def serve(client):
    try:
        while True:
            if client.out:
                client.out = client.out[client.sock.send(client.out) :]
            elif client.ended:
                break
            else:
                client.out = client.sock.recv(65536)
                client.ended = not client.out
    except BlockingIOError:
        return True
    except OSError:
        pass
    del clients[client.sock.fileno()]
    client.sock.close()
    return False


def accept():
    while True:
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        clients[sock.fileno()] = Client(sock)
        epoll.register(sock, EDGES)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
listener.setblocking(False)
epoll = select.epoll()
epoll.register(listener, select.EPOLLIN)
clients = {}
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    events = epoll.poll()
    ready = [clients[fd] for fd, _ in events if fd in clients]
    for client in ready:
        if not serve(client):
            ready.remove(client)
    if len(events) > len(ready):
        accept()
