"""Fault: of a protocol that answers a line in capitals, one that drops what it has not answered when the end comes. Named by pro-half-close."""

import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        rest = b""
        try:
            while data := sock.recv(65536):
                *lines, rest = (rest + data).split(b"\n")
                time.sleep(0.002)
                sock.setblocking(False)
                try:
                    if not sock.recv(1, socket.MSG_PEEK):
                        return
                except BlockingIOError:
                    pass
                sock.setblocking(True)
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
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
