"""Fault: one bit of the byte at offset 5,000,000 of a connection is flipped. Named by fid-large."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        total = 0
        try:
            while data := bytearray(sock.recv(65536)):
                if total <= 5_000_000 < total + len(data):
                    data[5_000_000 - total] ^= 4
                total += len(data)
                sock.sendall(data)
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
