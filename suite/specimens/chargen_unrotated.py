"""Fault: a character generator (RFC 864) that sends one string again and again, without line ends. Named by chargen-pattern."""

import socket
import sys
import threading


RING = bytes(range(0x20, 0x7F))


def serve(sock):
    with sock:
        try:
            at = 0
            while True:
                sock.sendall(RING[:72])
        except OSError:
            pass  # the client has gone


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
