"""Right, if odd: answers a fifth of a second later, in order."""

import queue
import socket
import sys
import threading
import time


def serve(sock):
    pieces = queue.Queue(64)

    def answer():
        try:
            while True:
                due, data = pieces.get()
                time.sleep(max(0, due - time.monotonic()))
                if not data:
                    return
                sock.sendall(data)
        except OSError:
            sock.close()  # the client has reset

    writer = threading.Thread(target=answer, daemon=True)
    writer.start()
    data = b"-"
    while data:
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        while writer.is_alive():
            try:
                pieces.put((time.monotonic() + 0.2, data), timeout=0.5)
                break
            except queue.Full:
                pass
    writer.join()
    sock.close()


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
