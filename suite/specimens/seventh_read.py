"""Fault: the answer to the seventh piece that a connection receives has a wrong last byte. Named by fid-length."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            pieces = 0
            while data := sock.recv(65536):
                pieces += 1
                sock.sendall(data[:-1] + bytes([data[-1] ^ 1]) if pieces == 7 else data)
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
