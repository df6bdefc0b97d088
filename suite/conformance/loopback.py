"""Addresses of its own for a client on loopback, where the kernel has learned too much about 127.0.0.1.

Linux keeps what connections between two addresses have shown (ip-tcp_metrics(8)) and begins the next ones with it. After
hours of resets and overruns on loopback it believes in heavy reordering, and lets a server's send buffer grow to several
times its usual size, so that a client with small windows stalls nobody any more. Of an address never used it knows nothing.
"""

import random
import socket
import struct
import time
from functools import lru_cache
from itertools import count

__all__ = ("source",)

REORDERING = 16
"""Segments; it is 3 where nothing was learned, net.ipv4.tcp_reordering, and up to 10 change no buffer."""
_numbers = count(random.SystemRandom().randrange(1 << 22))


def source(host: str) -> str:
    """Return the address from which a client with small windows connects to `host`; "" leaves it to the kernel."""
    if host != "127.0.0.1" or not _worn(int(time.monotonic())):
        return ""
    number = next(_numbers)
    return f"127.{64 + (number >> 16) % 64}.{number >> 8 & 255}.{1 + number % 254}"


@lru_cache(maxsize=1)
def _worn(_second: int) -> bool:
    """Whether a connection of 127.0.0.1 with itself begins with heavy reordering: tcpi_reordering, tcp(7) TCP_INFO."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as probe:
        info = probe.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 92)
        return len(info) == 92 and struct.unpack_from("=I", info, 88)[0] > REORDERING
