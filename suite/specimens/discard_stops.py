"""Fault: a discard service (RFC 863) that has enough after a mebibyte, and closes. Named by discard-silent."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        taken = 0
        try:
            while taken < 1 << 20 and (data := sock.recv(65536)):
                taken += len(data)
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
