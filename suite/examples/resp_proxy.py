"""A proxy with a seeded fault: HOST PORT UPSTREAM_HOST UPSTREAM_PORT. Of 500 replies to pipelined commands, it spoils one."""

import socket
import sys
import threading
import time

__all__ = ("main",)

EVERY = 500


def upwards(client: socket.socket, server: socket.socket, together: threading.Event) -> None:
    """Pass on what the client says, and its end; note whether commands come together."""
    try:
        while client.recv(1, socket.MSG_PEEK):
            time.sleep(0.001)  # what is sent without waiting for answers is here by then
            data = client.recv(65536)
            if b"\r\n*" in data:
                together.set()
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)
    except OSError:
        server.close()


class Fault:
    """Changes one bit of a line, once in so many lines."""

    def __init__(self) -> None:
        self.lines, self.due = 0, EVERY

    def spoil(self, data: bytes) -> bytes:
        """Pass replies on; the last line is the one that suffers."""
        lines = data.split(b"\r\n")
        self.lines += len(lines) - 1
        # An empty line has no bit to change; the next one will do.
        if self.lines >= self.due and len(lines) > 1 and lines[-2]:
            self.due += EVERY
            lines[-2] = lines[-2][:-1] + bytes([lines[-2][-1] ^ 1])
        return b"\r\n".join(lines)


def serve(client: socket.socket, upstream: tuple[str, int], fault: Fault) -> None:
    """Pass on what the server answers."""
    try:
        with client, socket.create_connection(upstream) as server:
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            together = threading.Event()
            threading.Thread(target=upwards, args=(client, server, together), daemon=True).start()
            while data := server.recv(65536):
                client.sendall(fault.spoil(data) if together.is_set() else data)
            client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # one of them has reset


def main() -> None:
    """Serve until killed."""
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    host, port = listener.getsockname()[:2]
    sys.stdout.write(f"listening {host}:{port}\n")
    sys.stdout.flush()
    upstream, fault = (sys.argv[3], int(sys.argv[4])), Fault()
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, upstream, fault), daemon=True).start()


if __name__ == "__main__":
    main()
