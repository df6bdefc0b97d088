"""Fault: after SIGTERM it waits for its clients to leave, without an end. Named by sd-sigterm-exits."""

import signal
import socket
import sys
import threading

live = set()


def serve(sock):
    live.add(threading.current_thread())
    with sock:
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass
    live.discard(threading.current_thread())


def stop(*_):
    listener.close()
    for thread in list(live):
        thread.join()
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    sock, _ = listener.accept()
    threading.Thread(target=serve, args=(sock,), daemon=True).start()
