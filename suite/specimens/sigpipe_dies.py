"""Fault: SIGPIPE has its default action, as in a C program, so writing to a client that has gone ends the process.
Named by dis-abandon-echo."""

import signal
import socket
import sys
import threading

signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def serve(conn):
    with conn:
        try:
            while data := conn.recv(4096):
                conn.sendall(data)
        except OSError:
            pass


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    conn, _ = listener.accept()
    threading.Thread(target=serve, args=(conn,), daemon=True).start()
