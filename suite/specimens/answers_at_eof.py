"""Fault: reads everything before it answers, as if a stream were a file. Named by fid-one-byte."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            pieces = []
            while data := sock.recv(65536):
                pieces.append(data)
            sock.sendall(b"".join(pieces))
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
