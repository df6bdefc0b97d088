"""Fault: of a protocol that answers a line in capitals, it stays connected after "quit". Named by pro-answers."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        rest = b""
        try:
            while data := sock.recv(65536):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    sock.sendall(line.upper() + b"\n")
        except OSError:
            pass  # the client has reset


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
