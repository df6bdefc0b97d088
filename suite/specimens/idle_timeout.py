"""Fault: ends a connection that has been silent for half a second. Named by hc-no-early-fin."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        sock.settimeout(0.5)
        try:
            while data := sock.recv(65536):
                sock.settimeout(None)
                sock.sendall(data)
                sock.settimeout(0.5)
        except OSError:
            pass


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
