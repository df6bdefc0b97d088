"""Right, if odd: out of descriptors it turns new clients away with one kept in reserve, and sees half a second late who has left."""

import os
import select
import socket
import sys
import threading
import time


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client has reset
        time.sleep(0.5)


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    listener.setblocking(False)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    reserve = os.open(os.devnull, os.O_RDONLY)
    waiting = select.poll()
    waiting.register(listener, select.POLLIN)
    while waiting.poll():
        try:
            sock, _ = listener.accept()
        except OSError:
            os.close(reserve)
            try:
                listener.accept()[0].close()
            except OSError:
                pass  # nobody waits any more
            reserve = os.open(os.devnull, os.O_RDONLY)
            continue
        sock.setblocking(True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
