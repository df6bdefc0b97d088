"""Fault: its listener does without SO_REUSEADDR, and it ends its connections itself. Named by sd-rebind."""

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


listener = socket.socket()
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen(4096)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
