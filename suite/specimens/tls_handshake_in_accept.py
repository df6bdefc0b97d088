"""Fault: the handshake is part of accepting, so all wait for one. Named by tls-stalled-handshake."""

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


def serve(conn):
    try:
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data)
            conn.unwrap()
    except OSError:
        pass


def main():
    context = make_context()
    plain = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512)
    print("listening %s:%d" % plain.getsockname()[:2], flush=True)
    listener = context.wrap_socket(plain, server_side=True)
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            continue  # no TLS, or gone already
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


main()
