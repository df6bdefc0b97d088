"""Fault: two helper processes of it know nothing of its end. Named by sd-no-orphans."""

import os
import signal
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
for _ in range(2):
    if not os.fork():
        listener.close()
        signal.pause()
        os._exit(0)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
