"""Fault: a character generator (RFC 864) that has said its pattern once, and then says nothing. Named by chargen-flow."""

import socket
import sys
import threading
import time


RING = bytes(range(0x20, 0x7F))


def serve(sock):
    with sock:
        try:
            sock.sendall(b"".join((RING * 2)[at : at + 72] + b"\r\n" for at in range(95)))
            time.sleep(3600)
        except OSError:
            pass  # the client has gone


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
