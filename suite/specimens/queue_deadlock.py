"""Fault: a full queue is waited for while holding the lock that its consumer needs. Named by bp-deadlock."""

import collections
import socket
import sys
import threading


def serve(sock):
    lock = threading.Lock()
    room = threading.BoundedSemaphore(8)
    pieces = collections.deque()
    arrived = threading.Semaphore(0)

    def write():
        try:
            while True:
                arrived.acquire()
                with lock:
                    data = pieces.popleft()
                if not data:
                    break
                sock.sendall(data)
                with lock:
                    room.release()
        except OSError:
            pass  # the client has reset

    with sock:
        writer = threading.Thread(target=write, daemon=True)
        writer.start()
        try:
            while data := sock.recv(8192):
                with lock:
                    room.acquire()
                    pieces.append(data)
                arrived.release()
        except OSError:
            pass  # the client has reset
        pieces.append(b"")
        arrived.release()
        writer.join()


def main():
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


main()
