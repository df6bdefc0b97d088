"""Fault: sends a byte of its own after half a second of silence. Named by fid-unsolicited."""

import select
import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while True:
                if not select.select([sock], [], [], 0.5)[0]:
                    sock.sendall(b"\0")
                elif data := sock.recv(65536):
                    sock.sendall(data)
                else:
                    return
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
