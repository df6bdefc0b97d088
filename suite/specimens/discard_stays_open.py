"""Fault: a discard service (RFC 863) that does not answer the client's FIN with its own. Named by discard-silent."""

import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            while sock.recv(65536):
                pass
            time.sleep(3600)
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
