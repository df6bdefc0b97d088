"""Fault: while sixteen clients are connected nobody else is accepted, which it nowhere declares.
Named by con-late-joiner."""

import socket
import sys
import threading

room = threading.Semaphore(16)


def serve(conn):
    with conn:
        try:
            while data := conn.recv(65536):
                conn.sendall(data)
        except OSError:
            pass
    room.release()


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    room.acquire()
    conn, _ = listener.accept()
    threading.Thread(target=serve, args=(conn,), daemon=True).start()
