"""Fault: SIGTERM closes the listener under the loop that waits for it: a traceback, and status 1. Named by sd-status."""

import signal
import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass  # the client has reset


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
signal.signal(signal.SIGTERM, lambda *_: listener.close())
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
