"""Fault: nobody looks whether select can hold a descriptor. Named by ovl-fd1024."""

import select
import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
clients = []
while True:
    readable, _, _ = select.select([listener, *clients], [], [])
    for sock in readable:
        if sock is listener:
            clients.append(listener.accept()[0])
            continue
        try:
            data = sock.recv(65536)
            sock.sendall(data)
        except OSError:
            data = b""
        if not data:
            clients.remove(sock)
            sock.close()
