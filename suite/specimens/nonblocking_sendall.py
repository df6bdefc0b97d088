"""Fault: sendall() on a non-blocking socket; it fails after an unknown part, and the rest is given up. Named by bp-resume."""

import select
import socket
import sys
import threading


def serve(sock):
    sock.setblocking(False)
    with sock:
        try:
            while select.select([sock], [], []) and (data := sock.recv(65536)):
                try:
                    sock.sendall(data)
                except BlockingIOError:
                    pass  # "it will be sent later"
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
