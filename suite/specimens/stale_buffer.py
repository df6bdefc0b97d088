"""Fault: after a longer message, a shorter one is followed by what the buffer still holds of it. Named by fid-no-stale."""

import socket
import sys
import threading


def serve(sock):
    with sock:
        buffer, before = bytearray(65536), 0
        try:
            while count := sock.recv_into(buffer):
                sock.sendall(memoryview(buffer)[: before if 1024 < before and count < 16 else count])
                before = count
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
