"""Fault: a quote of the day (RFC 865) that does not close after its message. Named by qotd-close."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            sock.sendall(b"There is more to say, but not today.\r\n")
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
