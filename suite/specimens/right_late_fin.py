"""Right, if odd: answers the client's FIN with its own a second and a half later, while few are waiting."""

import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
            if threading.active_count() < 500:
                time.sleep(1.5)
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
