"""Fault: a close_notify discards what waits to be sent, as TLS 1.2 wanted it. Named by hc-immediate."""

import socket
import ssl
import subprocess
import sys
import tempfile
import threading


def make_context():
    """A certificate of its own each time: no key lies about, and nobody is asked to trust it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        key, cert = folder + "/key", folder + "/cert"
        subprocess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost".split()
            + ["-keyout", key, "-out", cert],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        context.load_cert_chain(cert, key)
    return context


def serve(context, sock):
    try:
        with context.wrap_socket(sock, server_side=True) as conn:
            answer(conn)
            conn.unwrap()
    except OSError:
        pass  # the client has reset, left without close_notify, or does not speak TLS


def answer(conn):
    while data := conn.recv(65536):
        # What came with it is answered together with it.
        conn.settimeout(0.002)
        try:
            while len(data) < 65536:
                more = conn.recv(65536)
                if not more:
                    return
                data += more
        except TimeoutError:
            pass
        conn.settimeout(None)
        conn.sendall(data)


def main():
    context = make_context()
    family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family, backlog=512)
    print("listening %s:%d" % listener.getsockname()[:2], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(context, sock), daemon=True).start()


main()
