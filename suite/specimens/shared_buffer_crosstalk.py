"""Fault: all threads receive into one buffer, so what one works on and sends back another may have overwritten.
Named by con-no-crosstalk."""

import socket
import sys
import threading
import time

buffer = memoryview(bytearray(65536))


def serve(conn):
    with conn:
        try:
            while count := conn.recv_into(buffer):
                time.sleep(0.0005)
                conn.sendall(buffer[:count])
        except OSError:
            pass


listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("listening %s:%d" % listener.getsockname()[:2], flush=True)
while True:
    conn, _ = listener.accept()
    threading.Thread(target=serve, args=(conn,), daemon=True).start()
