"""Fault: a connection's descriptor is closed twice, the second time when the next client speaks, whose it may be by then.
Named by dis-fd-reuse."""

import os
import socket
import sys
import threading

closed = []


def close(fd):
    try:
        os.close(fd)
    except OSError:
        pass


def serve(conn):
    fd = conn.fileno()
    try:
        while data := conn.recv(65536):
            while closed:
                close(closed.pop())
            conn.sendall(data)
    except OSError:
        pass
    conn.detach()
    close(fd)
    closed.append(fd)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    conn, _ = listener.accept()
    threading.Thread(target=serve, args=(conn,), daemon=True).start()
