"""Fault: a process per client, and the parent waits for each before it accepts the next. Named by con-idle-holder
and con-n."""

import os
import socket
import sys

listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    child = os.fork()
    if child == 0:
        listener.close()
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass  # the client has reset
        os._exit(0)
    sock.close()
    os.waitpid(child, 0)
