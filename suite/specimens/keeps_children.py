"""Fault: a process whose client has reset pauses for ever. Named by res-child."""

import os
import signal
import socket
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    if os.fork():
        sock.close()
        continue
    listener.close()
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except OSError:
        sock.close()
        signal.pause()
    os._exit(0)
