"""Fault: of a protocol that answers a line in capitals, one that serves one client at a time. Named by pro-stall and pro-generated."""

import socket
import sys


def serve(sock):
    with sock:
        rest = b""
        try:
            while data := sock.recv(65536):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    sock.sendall(line.upper() + b"\n")
                    if line == b"quit":
                        return
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        serve(sock)


main()
