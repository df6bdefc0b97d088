"""Fault: a process that cannot be had ends the server. Named by inj-fork."""

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


signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to wait for children
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    if os.fork() == 0:
        listener.close()
        echo(sock)
        os._exit(0)
    sock.close()
