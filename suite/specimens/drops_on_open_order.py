"""Fault: replies are sent by position in a table whose later rows move down when an earlier client leaves; only leaving
last in, first out is harmless. Named by con-open-order."""

import socket
import sys
import threading


table = []


def serve(conn, row):
    with conn:
        try:
            while data := conn.recv(65536):
                table[row].sendall(data)
        except (OSError, IndexError):
            pass
        del table[row : row + 1]


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    conn, _ = listener.accept()
    table.append(conn)
    threading.Thread(target=serve, args=(conn, len(table) - 1), daemon=True).start()
