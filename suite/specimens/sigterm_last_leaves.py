"""Fault: at SIGTERM it ends when its last client has left, and so never where there is none. Named by sd-alone."""

import os
import signal
import socket
import sys
import threading
import time

live = set()
stopping = threading.Event()


def echo(sock):
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except OSError:
        pass  # the client has reset


def serve(sock):
    with sock:
        echo(sock)
    live.discard(sock)
    if stopping.is_set() and not live:
        os._exit(0)


def stop(*_):
    stopping.set()
    listener.close()
    time.sleep(1)
    for sock in list(live):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has left meanwhile
    while True:
        signal.pause()


signal.signal(signal.SIGTERM, stop)
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    live.add(sock)
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
