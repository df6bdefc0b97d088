"""Fault: a process per client, and the parent keeps its copy of the connection, so no FIN is ever sent. Named by hc-idle
and dis-fin."""

import os
import signal
import socket
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
kept = []
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    if os.fork():
        kept.append(sock)
        continue
    listener.close()
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except OSError:
        pass  # the client has reset
    os._exit(0)
