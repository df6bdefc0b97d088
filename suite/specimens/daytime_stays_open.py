"""Fault: a daytime service (RFC 867) that does not close after its line. Named by daytime-line."""

import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            sock.sendall(time.strftime("%Y-%m-%d %H:%M:%S UTC\r\n", time.gmtime()).encode())
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
