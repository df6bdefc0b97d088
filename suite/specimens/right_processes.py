"""Right, if odd: a process per client, which the kernel reaps."""

import os
import signal
import socket
import sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
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
        pass  # the client has reset
    os._exit(0)
