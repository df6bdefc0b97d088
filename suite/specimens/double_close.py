"""Fault: a connection's descriptor is closed twice, the second time a little later, when it may be another client's.
Named by dis-fd-reuse."""

import os
import socket
import sys
import threading
import time


def serve(conn):
    fd = conn.fileno()
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
    except OSError:
        pass
    conn.detach()
    os.close(fd)
    time.sleep(0.001)
    try:
        os.close(fd)
    except OSError:
        pass


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    conn, _ = listener.accept()
    threading.Thread(target=serve, args=(conn,), daemon=True).start()
