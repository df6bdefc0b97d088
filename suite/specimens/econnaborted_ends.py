"""Fault: the accept loop asks each new connection for its peer's name; of one that is already reset this fails with
ENOTCONN, which ends the loop but not the process. Named by dis-during-accept."""

import socket
import sys
import threading


def serve(conn):
    with conn:
        try:
            while data := conn.recv(65536):
                conn.sendall(data)
        except OSError:
            pass


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
try:
    while True:
        conn, _ = listener.accept()
        host, port = conn.getpeername()
        threading.Thread(target=serve, args=(conn,), name=f"{host}:{port}", daemon=True).start()
except OSError:
    threading.Event().wait()
