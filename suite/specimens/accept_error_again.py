"""Fault: after an error of accept it tries again at once. Named by inj-accept-spin."""

import socket
import sys
import threading


def echo(sock):
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except OSError:
        pass  # the client has reset


def serve(sock):
    with sock:
        echo(sock)


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    try:
        sock, _ = listener.accept()
    except OSError:
        continue
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
