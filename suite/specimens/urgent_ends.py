"""Fault: urgent data is taken for an error, and ends the connection. Named by oob-stream."""

import select
import socket
import sys
import threading


def serve(sock):
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLPRI)
    with sock:
        try:
            while not poll.poll()[0][1] & select.POLLPRI and (data := sock.recv(65536)):
                sock.sendall(data)
        except OSError:
            pass


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
