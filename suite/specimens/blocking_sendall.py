"""Fault: one loop waits for all clients, but sends with a blocking sendall: a client that does not read stops everyone.
Named by con-stalled-reader and bp-generated.
"""

import select
import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
poll = select.poll()
poll.register(listener, select.POLLIN)
clients = {}
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    for fd, _ in poll.poll():
        conn = clients.get(fd)
        if conn is None:
            conn, _ = listener.accept()
            clients[conn.fileno()] = conn
            poll.register(conn, select.POLLIN)
            continue
        try:
            data = conn.recv(65536)
            conn.sendall(data)
        except OSError:
            data = b""
        if not data:
            poll.unregister(fd)
            del clients[fd]
            conn.close()
