"""Fault: the last message of each connection is kept. Named by res-rss-slope."""

import socket
import sys
import threading

kept = []


def serve(sock):
    last = b""
    with sock:
        try:
            while data := sock.recv(65536):
                last = data
                sock.sendall(data)
        except OSError:
            pass
    kept.append(bytearray(last) + bytes(8192))


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
