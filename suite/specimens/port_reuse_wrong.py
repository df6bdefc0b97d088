"""Fault: a session is kept by its client's address, and that of a client which reset stays behind, ended: the next
connection from the same port inherits it. Named by rst-generated."""

import socket
import sys
import threading

ended = set()


def serve(conn, address):
    with conn:
        try:
            while address not in ended and (data := conn.recv(65536)):
                conn.sendall(data)
        except OSError:
            ended.add(address)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    conn, address = listener.accept()
    threading.Thread(target=serve, args=(conn, address), daemon=True).start()
