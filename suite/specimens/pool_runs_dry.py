"""Fault: of five hundred buffers, one is lost with each client that resets. Named by res-buffer-pool."""

import socket
import sys
import threading

pool = threading.Semaphore(500)


def serve(sock):
    pool.acquire()
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            return
    pool.release()


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
