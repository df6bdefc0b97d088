"""Fault: a time service (RFC 868) that sends the number as text. Named by time-epoch."""

import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            sock.sendall(b"%d\r\n" % (int(time.time()) + 2208988800))
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
