"""TCP ports of this machine, looked at from outside: who listens where, and which port is free. No probe connections."""

import errno
import ipaddress
import secrets
import socket
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from suite.errors import HarnessError, UsageError

__all__ = ("Listener", "free_port", "listeners", "reachable", "resolve", "socket_inodes")

_LISTEN = "0A"  # TCP_LISTEN, include/net/tcp_states.h
_TRIES = 64


class Listener(NamedTuple):
    """A listening TCP socket: its numeric address (IPv4-mapped ones as IPv4), its port and its socket inode."""

    host: str
    port: int
    inode: int


def listeners(pid: int | str = "self") -> Iterator[Listener]:
    """Yield all listening TCP sockets of a process' network namespace, by default ours (proc(5), /proc/PID/net/tcp)."""
    for name in ("tcp", "tcp6"):
        try:
            table = Path(f"/proc/{pid}/net/{name}").open()  # noqa: SIM115 - closed just below
        except FileNotFoundError:
            continue  # no IPv6 here, or no such process
        with table:
            next(table)
            for line in table:
                fields = line.split()
                if fields[3] != _LISTEN:
                    break  # listeners come first (kernel, networking/proc_net_tcp), and thousands of others may follow
                host, port = fields[1].split(":")
                yield Listener(_address(host), int(port, 16), int(fields[9]))


def _address(digits: str) -> str:
    """Decode an address of /proc/net/tcp: 32-bit words in the machine's byte order."""
    packed = b"".join(struct.pack("=I", int(digits[at : at + 8], 16)) for at in range(0, len(digits), 8))
    address = ipaddress.ip_address(packed)
    return str(getattr(address, "ipv4_mapped", None) or address)


def socket_inodes(pid: int) -> set[int]:
    """Return the inodes of the sockets that a process holds; of a process that is gone, none.

    Raises:
        PermissionError: its descriptors are hidden from us, as another user's are.
    """
    found = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                link = str(entry.readlink())
            except FileNotFoundError:
                continue  # closed meanwhile
            if link.startswith("socket:["):
                found.add(int(link[8:-1]))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def resolve(host: str) -> list[str]:
    """Return the numeric addresses of a host to listen on.

    Raises:
        UsageError: the name is unknown.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UsageError(
            f"cannot resolve host {host!r}: {error.strerror}; give a name or address of this machine"
        ) from None
    return [str(address[0]) for *_, address in found]


def reachable(hosts: Collection[str], host: str, port: int) -> str:
    """Choose the address by which to reach a server that listens on `hosts` and was asked to listen on `host`."""
    wanted = resolve(host)
    for address in wanted:
        family_any = "::" if ":" in address else "0.0.0.0"
        if address in hosts or family_any in hosts:
            return address
    if "0.0.0.0" in hosts:
        return "127.0.0.1"
    if "::" in hosts:
        # Usually both families (ipv6(7), IPV6_V6ONLY); if IPv4 is free to bind, it is IPv6 alone.
        return "::1" if _is_free(wanted[0], port) else wanted[0]
    return min(hosts)


def free_port(host: str) -> int:
    """Return a port that nobody uses on `host`.

    It lies below the ephemeral range where that leaves room: our own thousands of outgoing connections can then not
    take it before the server does.

    Raises:
        UsageError: the host is unknown or not an address of this machine.
        HarnessError: no port is free.
    """
    address = resolve(host)[0]
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(_TRIES):
        # Not from `random`: Hypothesis seeds that, and two runs side by side would draw the same ports.
        port = 10000 + secrets.randbelow(low - 10000) if low >= 20000 else 0
        with socket.socket(_family(address)) as probe:
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise UsageError(
                    f"cannot listen on {host}: {error.strerror}; give a name or address of this machine"
                ) from None
            return int(probe.getsockname()[1])
    raise HarnessError(f"no free port on {host}; wait until old connections have left TIME_WAIT")


def _is_free(address: str, port: int) -> bool:
    with socket.socket(_family(address)) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
