"""Fault: the accept loop itself waits for a new client's first bytes, so one that says nothing keeps all later ones
waiting. Named by con-idle-holder."""

import socket
import sys
import threading


def serve(conn, data):
    with conn:
        try:
            while data:
                conn.sendall(data)
                data = conn.recv(65536)
        except OSError:
            pass


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    conn, _ = listener.accept()
    try:
        data = conn.recv(65536)
    except OSError:
        data = b""
    threading.Thread(target=serve, args=(conn, data), daemon=True).start()
