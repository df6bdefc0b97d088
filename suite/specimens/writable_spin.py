"""Fault: it waits for each client to be writable, though it has nothing to write. Named by bp-writable-spin."""

import select
import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setblocking(False)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
epoll = select.epoll()
epoll.register(listener, select.EPOLLIN)
clients = {}
while True:
    for fd, events in epoll.poll():
        if fd == listener.fileno():
            sock, _ = listener.accept()
            clients[sock.fileno()] = sock
            epoll.register(sock, select.EPOLLIN | select.EPOLLOUT)
        elif events & ~select.EPOLLOUT:
            sock = clients[fd]
            try:
                data = sock.recv(65536)
                sock.sendall(data)
            except OSError:
                data = b""
            if not data:
                del clients[fd]
                sock.close()
