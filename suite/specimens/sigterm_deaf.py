"""Fault: after SIGTERM it accepts nobody but keeps the listener open while a client is there. Named by sd-refuse-new."""

import os
import signal
import socket
import sys
import threading

live = set()
stopping = threading.Event()


def serve(sock):
    live.add(sock)
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass
    live.discard(sock)
    if stopping.is_set() and not live:
        os._exit(0)


def stop(*_):
    stopping.set()
    if not live:
        os._exit(0)
    threading.Event().wait(5)
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
