"""Fault: a thread whose client has reset waits for ever. Named by res-thread."""

import socket
import sys
import threading

never = threading.Event()


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
            return
        except OSError:
            pass
    never.wait()


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
