"""Stand-alone echo server with a fault: HOST PORT FAULT. It imports nothing of ours."""

import select
import socket
import sys
import time

host, port, fault = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listener = socket.create_server((host, port), backlog=512)
epoll = select.epoll()
epoll.register(listener, select.EPOLLIN)
clients: dict[int, socket.socket] = {}
total = 0
print(f"listening {host}:{port}", flush=True)
while True:
    for fd, _mask in epoll.poll():
        if fd == listener.fileno():
            sock, _ = listener.accept()
            clients[sock.fileno()] = sock
            epoll.register(sock, select.EPOLLIN)
            continue
        sock = clients[fd]
        data = bytearray(sock.recv(65536))
        before, total = total, total + len(data)
        if not data or (fault == "closes" and total > 300_000):
            clients.pop(fd).close()
            continue
        if fault == "discards":
            continue
        if fault == "slow":
            time.sleep(0.3)
        if fault == "drops idle" and len(data) == 1:  # right, if impatient: whoever said one byte only
            sock.sendall(data)
            clients.pop(fd).close()
            continue
        if fault == "corrupts" and before // 1_000_000 != total // 1_000_000:  # one byte in a million
            data[0] ^= 1
        if fault == "repeats" and total > 300_000:
            data = data * 2
        if fault == "crosses" and total > 300_000 and len(clients) > 1:
            sock = next(other for other in clients.values() if other is not sock)
        if fault == "dies" and total > 300_000:
            sys.exit(7)
        if fault == "stalls" and total > 300_000:
            time.sleep(60)
        sock.sendall(data)
