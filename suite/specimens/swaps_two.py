"""Fault: when exactly two clients' messages of one length are found in one wake-up, each is sent the other's answer.
Named by con-no-crosstalk and con-generated."""

import socket
import sys
import threading
import time

lock = threading.Lock()
waiting = []


def answer():
    while True:
        time.sleep(0.005)  # what comes within 5 ms is one wake-up
        with lock:
            batch, waiting[:] = waiting[:], []
        if len(batch) == 2 and batch[0][0] is not batch[1][0] and len(batch[0][1]) == len(batch[1][1]):
            batch = [(batch[0][0], batch[1][1], batch[0][2]), (batch[1][0], batch[0][1], batch[1][2])]
        for sock, data, done in batch:
            done.data = data
            done.set()


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                done = threading.Event()
                with lock:
                    waiting.append((sock, data, done))
                done.wait()
                sock.sendall(done.data)
        except OSError:
            pass  # the client has reset


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    threading.Thread(target=answer, daemon=True).start()
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
