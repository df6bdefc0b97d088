"""Fault: the first answer after a second of silence has a wrong last byte. Named by fid-unsolicited."""

import select
import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while True:
                silent = not select.select([sock], [], [], 1.0)[0]
                data = sock.recv(65536)
                if not data:
                    return
                sock.sendall(data[:-1] + bytes([data[-1] ^ 1]) if silent else data)
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
