"""Fault: a quote of the day (RFC 865) of 600 characters. Named by qotd-512."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            sock.sendall(b"And so on, and so forth. " * 24 + b"\r\n")
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass  # the client has gone


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
