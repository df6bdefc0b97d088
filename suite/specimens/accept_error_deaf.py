"""Fault: after an error of accept it serves those it has, and accepts no more. Named by inj-accept-exhausted."""

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
try:
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()
except OSError:
    threading.Event().wait()
