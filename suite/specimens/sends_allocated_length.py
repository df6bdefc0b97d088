"""Fault: answers with the length of its buffer, not of what it received. Named by fid-length."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        buffer = bytearray(1024)
        try:
            while sock.recv_into(buffer):
                sock.sendall(buffer)
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
