"""Fault: a time service (RFC 868) that packs a signed number, too small since 1968, and so sends nothing. Named by time-epoch."""

import socket
import struct
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            sock.sendall(struct.pack("!i", int(time.time()) + 2208988800))
        except (OSError, struct.error):
            pass


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
