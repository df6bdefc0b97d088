"""Fault: the parent keeps its copy of a connection until the next one comes, and each child those of the parent: a client
sees its end only when later ones have gone. Named by res-fin-inherited."""

import os
import signal
import socket
import sys


def echo(sock):
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except OSError:
        pass  # the client has reset


signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
before = None
while True:
    sock, _ = listener.accept()
    if os.fork():
        before = sock
        continue
    echo(sock)
    os._exit(0)
