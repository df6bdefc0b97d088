"""Fault: once a connection has sent more than 1024 bytes, its last byte is kept back until more comes. Named by
seg-coalesced."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        held = b""
        total = 0
        try:
            while data := sock.recv(65536):
                total += len(data)
                data = held + data
                keep = total > 1024
                data, held = (data[:-1], data[-1:]) if keep else (data, b"")
                sock.sendall(data)
            sock.sendall(held)
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
