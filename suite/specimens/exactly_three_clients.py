"""Fault: while exactly three clients are connected, the last byte of an answer is wrong. Named by fid-generated
and con-generated."""

import socket
import sys
import threading

clients = set()


def serve(sock):
    clients.add(sock)
    with sock:
        try:
            while data := sock.recv(65536):
                if len(clients) == 3:
                    data = data[:-1] + bytes([data[-1] ^ 1])
                sock.sendall(data)
        except OSError:
            pass  # the client has reset
        clients.discard(sock)


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
