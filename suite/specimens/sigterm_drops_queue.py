"""Fault: SIGTERM closes the listener with whoever is in its queue, and only then serves on. Named by sd-queue."""

import signal
import socket
import sys
import threading


def serve(sock):
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass  # the client has reset


def stop(*_):
    listener.close()
    for thread in threads:
        thread.join(5)
    sys.exit(0)


threads = []
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
signal.signal(signal.SIGTERM, stop)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threads = [thread for thread in threads if thread.is_alive()]
    threads.append(threading.Thread(target=serve, args=(sock,), daemon=True))
    threads[-1].start()
