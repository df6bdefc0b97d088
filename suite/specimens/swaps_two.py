"""Fault: when two clients' messages are found in one wake-up, the first two are sent each other's answers.
Named by con-no-crosstalk and iso-generated."""

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
        if len(batch) > 1 and batch[0][0] is not batch[1][0]:
            (one, mine, done), (other, theirs, also) = batch[:2]
            batch[:2] = (one, theirs, done), (other, mine, also)
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
