"""io_uring(7) by the kernel's ABI: one ring, the buffers it reads into, and the requests of a TCP server.

Rules of this file
- The kernel takes submissions and posts completions in system calls of this thread alone (there is no SQPOLL, and
  nothing that a worker thread would run), so program order is memory order and no barrier is missing.
- A request's memory stays put until its completion. A send that is not to wait has been tried, and is over, when the
  call that submits it returns; only what it could not get rid of is told of.
- Numbers and layouts are those of include/uapi/linux/io_uring.h.
"""

import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ("ACCEPT", "BUFFER", "FD", "LISTENER", "MORE", "RECV", "REST", "SEND", "STOP", "Ring", "unavailable")

RECV, SEND, REST, ACCEPT, LISTENER, STOP, _OTHER = (kind << 32 for kind in range(7))
"""What a completion is of. A tag is one of these, plus the descriptor; that of a receive is the descriptor."""
FD = (1 << 32) - 1
"""The descriptor's bits."""
BUFFER, MORE = 1 << 0, 1 << 1
"""Flags of a completion: there is a buffer to `take`; its request goes on."""

BURST = 16384
"""Bytes after which a receive ends, in as many completions as they came; the last may go beyond, by what it reads."""

Completion = tuple[int, int, int]
"""Tag, result (a count, a descriptor or minus an errno) and flags."""

_SETUP, _ENTER, _REGISTER = 425, 426, 427  # on every architecture but alpha
_CQSIZE, _SUBMIT_ALL, _COOP_TASKRUN, _SINGLE_ISSUER, _DEFER_TASKRUN = 1 << 3, 1 << 7, 1 << 8, 1 << 12, 1 << 13
_LEAST = _CQSIZE | _SUBMIT_ALL
_FLAGS = (_LEAST | _COOP_TASKRUN | _SINGLE_ISSUER | _DEFER_TASKRUN, _LEAST | _COOP_TASKRUN, _LEAST)
"""Best first. Deferred (Linux 6.1), what completes is worked off when it is waited for, interrupting nothing."""
_SINGLE_MMAP, _NODROP, _FAST_POLL, _EXT_ARG, _CQE_SKIP = 1 << 0, 1 << 1, 1 << 5, 1 << 8, 1 << 11
_NEEDED = _SINGLE_MMAP | _NODROP | _FAST_POLL | _EXT_ARG | _CQE_SKIP
_OFF_SQES = 0x10000000
_POLL_ADD, _ACCEPT, _ASYNC_CANCEL, _SEND, _RECV = 6, 13, 14, 26, 27
_BUFFER_SELECT, _SKIP_SUCCESS = 1 << 5, 1 << 6  # bits of a submission's flags
_ACCEPT_MULTISHOT, _RECV_MULTISHOT = 1 << 0, 1 << 1
_CQ_OVERFLOW = 1 << 1
_GETEVENTS, _WITH_ARG = 1 << 0, 1 << 3
_PBUF_RING, _SYNC_CANCEL = 22, 24
_CANCEL_EVERYTHING = 1 << 0 | 1 << 2
_MSG_NOW = int(socket.MSG_WAITALL | socket.MSG_DONTWAIT)
_MSG_ALL = int(socket.MSG_WAITALL)

_SQE = struct.Struct("@BBHiQQIIQHHI16x")
"""opcode, flags, ioprio, fd, off, addr, len, flags of the operation, user_data, buffer group, personality, optlen."""
_SEND_NOW = struct.Struct("@Ii8xQIIQ24x")
"""The same for the most frequent one: opcode, flags and ioprio in one; fd, addr, len, flags of the operation, user_data."""
_CQE = struct.Struct("@QiI")
_NOW: Final = int.from_bytes(struct.pack("=BBH", _SEND, _SKIP_SUCCESS, 0), sys.byteorder)
_ENTRY = struct.Struct("@QIH")
"""A provided buffer: addr, len, id. The two bytes that follow are the ring's tail in the first, nobody's in others."""

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
# No argtypes: they more than double the cost of a call. An int is passed in 32 bits then, so what has 64 is wrapped.
_ARG_SIZE = ctypes.c_size_t(24)

_PyBytes_AsString = ctypes.pythonapi.PyBytes_AsString
_PyBytes_AsString.restype, _PyBytes_AsString.argtypes = ctypes.c_void_p, (ctypes.py_object,)
_HEAD: Final[int] = _PyBytes_AsString(b"any") - id(b"any")
"""Bytes from where a bytes object lies to its contents, asked for once: asking for every message takes a call more."""


def _call(number: int, *words: int | ctypes.c_void_p) -> int:
    result: int = _syscall(number, *words)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _address(buffer: bytearray | mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def _pointer(buffer: bytearray | mmap.mmap) -> ctypes.c_void_p:
    return ctypes.c_void_p(_address(buffer))


class Ring:
    """An io_uring with provided buffers. A context manager that ends what is under way, waits for that, and closes.

    Args:
        entries: submissions that are collected before one call hands them over; a power of two.
        completions: what the kernel posts before it starts a list of its own; a power of two.
        buffers: how many are provided to receive into; a power of two.
        read: bytes of each.

    Attributes:
        outgoing: replies by descriptor, which the next `wait` sends without waiting for room (always the same dict).
        submitted: what the last `wait` sent so, until the driver has seen its completions and clears it.
        multishot: a receive goes on until BURST bytes have come, in as many completions; else it ends with the first.
        buffers: as given.
        closed: nothing is under way, and nothing will be.

    Raises:
        OSError: there is no io_uring here, it is too old, or it is forbidden.
    """

    __slots__ = (
        "_arg", "_arg_at", "_cq_head", "_cq_tail", "_cqes", "_entries", "_entry", "_fd", "_fill", "_head", "_pool",
        "_provided", "_queued", "_read", "_ring", "_slots", "_span", "_sq_flags", "_sq_tail", "_sqes", "_tail", "_words",
        "_words_of_provided", "buffers", "closed", "flags", "multishot", "outgoing", "submitted",
    )  # fmt: skip

    def __init__(self, entries: int = 512, completions: int = 4096, buffers: int = 64, read: int = 65536) -> None:
        self.outgoing: dict[int, bytes] = {}
        self.submitted: dict[int, bytes] = {}
        self.closed = False
        self._read = read
        self._head = self._tail = self._queued = 0
        params = bytearray(120)
        self._fd, self.flags = _set_up(entries, completions, params)
        try:
            self._map(params)
            self._provide(buffers)
            self.multishot = True
            self.multishot = self._has_limited_receive()
        except BaseException:
            os.close(self._fd)
            raise

    def _map(self, params: bytearray) -> None:
        entries, completions, _flags, _cpu, _idle, features = struct.unpack_from("=6I", params)
        if features & _NEEDED != _NEEDED:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        _head, sq_tail, _mask, _size, sq_flags, _dropped, array = struct.unpack_from("=7I", params, 40)
        cq_head, cq_tail, _mask, _size, _overflow, self._cqes = struct.unpack_from("=6I", params, 80)
        self._entries, self._span = entries, completions
        self._ring = mmap.mmap(self._fd, max(array + 4 * entries, self._cqes + _CQE.size * completions))
        self._sqes = mmap.mmap(self._fd, _SQE.size * entries, offset=_OFF_SQES)
        self._words = memoryview(self._ring).cast("I")
        self._sq_tail, self._sq_flags = sq_tail // 4, sq_flags // 4
        self._cq_head, self._cq_tail = cq_head // 4, cq_tail // 4
        # Through this table a submission could lie anywhere; each lies where it is counted.
        self._ring[array : array + 4 * entries] = struct.pack(f"={entries}I", *range(entries))
        # struct io_uring_getevents_arg and the struct __kernel_timespec that it points to
        self._arg = bytearray(40)
        struct.pack_into("=QIIQ", self._arg, 0, 0, 0, 0, _address(self._arg) + 24)
        self._arg_at = _pointer(self._arg)

    def _provide(self, buffers: int) -> None:
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._pool = mmap.mmap(-1, buffers * self._read, private)
        self._provided = mmap.mmap(-1, buffers * 16, private)
        self._words_of_provided = memoryview(self._provided).cast("H")
        base = _address(self._pool)
        self._entry = [_ENTRY.pack(base + number * self._read, self._read, number) for number in range(buffers)]
        request = bytearray(struct.pack("=QIHH24x", _address(self._provided), buffers, 0, 0))
        _call(_REGISTER, self._fd, _PBUF_RING, _pointer(request), 1)
        self._cancel_all()  # asked for here, so that a kernel that cannot is found out
        for number in range(buffers):
            at = number * 16
            self._provided[at : at + 14] = self._entry[number]
        self.buffers = self._fill = buffers
        self._slots = list(range(buffers))

    def _has_limited_receive(self) -> bool:
        """Linux 6.17 can end a receive after so many bytes; older ones refuse, since that field must be 0 to them."""
        near, far = socket.socketpair()
        with near, far:
            far.close()
            self.receive(near.fileno())
            while not (found := self.wait(None)):
                pass  # a signal came
            return found[0][1] == 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End whatever is under way, wait until it has ended, and close."""
        if self.closed:
            return
        self.closed = True
        # The kernel cancels by itself once the descriptor is closed, but some time later: until then a send may read
        # memory that is somebody else's by now, and a connection stays open.
        self._cancel_all()
        self._queued = 0
        self._enter(0, _GETEVENTS)  # where completing is deferred, requests let go of their files only here
        self._words.release()
        self._ring.close()
        self._sqes.close()
        os.close(self._fd)
        self.outgoing.clear()
        self.submitted.clear()

    def _cancel_all(self) -> None:
        request = bytearray(struct.pack("=QiIqq32x", 0, -1, _CANCEL_EVERYTHING, -1, -1))
        try:
            _call(_REGISTER, self._fd, _SYNC_CANCEL, _pointer(request), 1)
        except OSError as error:
            if error.errno != errno.ENOENT:  # nothing was under way
                raise

    # -- requests: handed to the kernel by the next `wait`, or when there is no room for more --------------------------

    def receive(self, fd: int) -> None:
        """Receive from a connection into provided buffers; ends at BURST bytes, the peer's FIN, or an error."""
        if self.multishot:
            self._push(_SQE.pack(_RECV, _BUFFER_SELECT, _RECV_MULTISHOT, fd, 0, 0, 0, 0, fd | RECV, 0, 0, BURST))
        else:
            self._push(_SQE.pack(_RECV, _BUFFER_SELECT, 0, fd, 0, 0, self._read, 0, fd | RECV, 0, 0, 0))

    def send(self, fd: int, data: bytes) -> None:
        """Send all of `data`, waiting for room. The caller keeps the object until the REST completion."""
        self._push(_SQE.pack(_SEND, 0, 0, fd, 0, id(data) + _HEAD, len(data), _MSG_ALL, fd | REST, 0, 0, 0))

    def accept(self, fd: int) -> None:
        """Accept connections from a listener (blocking sockets, closed on exec) until it fails."""
        flags = int(socket.SOCK_CLOEXEC)
        self._push(_SQE.pack(_ACCEPT, 0, _ACCEPT_MULTISHOT, fd, 0, 0, 0, flags, fd | ACCEPT, 0, 0, 0))

    def poll(self, fd: int, events: int, kind: int) -> None:
        """Have it told once, as LISTENER or STOP, that a descriptor is ready; the events are those of `select`."""
        self._push(_SQE.pack(_POLL_ADD, 0, 0, fd, 0, 0, 0, events, fd | kind, 0, 0, 0))

    def cancel(self, fd: int, kind: int) -> None:
        """End a request, whose own completion tells when that has happened; nothing comes for this one."""
        self._push(_SQE.pack(_ASYNC_CANCEL, _SKIP_SUCCESS, 0, -1, 0, fd | kind, 0, 0, _OTHER, 0, 0, 0))

    def _push(self, entry: bytes) -> None:
        while self._queued == self._entries:
            self._enter(0, 0)
        at = self._tail % self._entries * 64
        self._sqes[at : at + 64] = entry
        self._tail += 1
        self._queued += 1

    def _send_outgoing(self) -> None:
        # Not waiting, and nothing posted for a success: what is short is known when the call returns, the rest is over.
        sends = self.outgoing.copy()
        self.outgoing.clear()
        if self.submitted:
            for fd in self.submitted.keys() & sends.keys():
                self.outgoing[fd] = sends.pop(fd)  # an earlier one of this turn left something, which comes first
        self.submitted |= sends
        pack, sqes, entries, tail = _SEND_NOW.pack_into, self._sqes, self._entries, self._tail
        room = entries - self._queued
        for fd, data in sends.items():
            if not room:
                self._tail, self._queued = tail, entries
                while not room:
                    self._enter(0, 0)
                    room = entries - self._queued
            pack(sqes, tail % entries * 64, _NOW, fd, id(data) + _HEAD, len(data), _MSG_NOW, fd | SEND)
            tail += 1
            room -= 1
        self._tail, self._queued = tail, entries - room

    # -- completions ---------------------------------------------------------------------------------------------------

    def wait(self, timeout: float | None) -> list[Completion]:
        """Hand over all requests and the outgoing replies, wait for a completion, return all there are: one call.

        It returns early, perhaps with nothing, when a signal comes.
        """
        if self.outgoing:
            self._send_outgoing()
        self._words_of_provided[7] = self._fill & 0xFFFF
        if timeout is None:
            self._enter(1, _GETEVENTS)
        elif timeout <= 0.0:
            self._enter(0, _GETEVENTS)
        else:
            seconds = int(timeout)
            struct.pack_into("=qq", self._arg, 24, seconds, int((timeout - seconds) * 1e9))
            self._enter(1, _GETEVENTS | _WITH_ARG, self._arg_at, _ARG_SIZE)
        found = self._reap()
        # Requests for which the kernel had no memory; completions for which the ring had no room.
        while self._queued or self._words[self._sq_flags] & _CQ_OVERFLOW:
            self._enter(0, _GETEVENTS)
            found += self._reap()
        return found

    def flush(self) -> list[Completion]:
        """Send the outgoing replies now, let go of those that were taken, and return what has completed."""
        before = set(self.submitted)
        self._send_outgoing()
        while self._queued:
            self._enter(0, 0)
        found = self._reap()
        if not self._words[self._sq_flags] & _CQ_OVERFLOW:  # else it may be among those that `wait` has to fetch
            left = before.union(tag & FD for tag, _result, _flags in found if tag & ~FD == SEND)
            for fd in self.submitted.keys() - left:
                del self.submitted[fd]
        return found

    def _enter(
        self, least: int, flags: int, arg: ctypes.c_void_p | None = None, size: ctypes.c_size_t | None = None
    ) -> None:
        self._words[self._sq_tail] = self._tail & 0xFFFFFFFF
        result = _syscall(_ENTER, self._fd, self._queued, least, flags, arg, size)
        if result >= 0:
            self._queued -= result
            return
        code = ctypes.get_errno()
        if code in (errno.EAGAIN, errno.EBUSY):  # out of memory for requests, or for completions: until there is
            time.sleep(0.001)
        elif code not in (errno.EINTR, errno.ETIME):
            raise OSError(code, os.strerror(code))

    def _reap(self) -> list[Completion]:
        head, tail = self._head, self._words[self._cq_tail]
        count = (tail - head) & 0xFFFFFFFF
        if not count:
            return []
        first = head % self._span
        at, ring = self._cqes + first * 16, self._ring
        if first + count <= self._span:
            raw = ring[at : at + count * 16]
        else:
            raw = (
                ring[at : self._cqes + self._span * 16]
                + ring[self._cqes : self._cqes + (first + count - self._span) * 16]
            )
        self._words[self._cq_head] = self._head = tail
        return list(_CQE.iter_unpack(raw))

    def take(self, flags: int, size: int) -> bytes:
        """Return what was received into the buffer that a completion's flags name; the kernel gets the buffer back."""
        number = flags >> 16
        at = number * self._read
        data = self._pool[at : at + size]
        slot = self._fill % self.buffers
        self._fill += 1
        if self._slots[slot] != number:  # else it lies there still, for mostly they come back in their order
            self._slots[slot] = number
            at = slot * 16
            self._provided[at : at + 14] = self._entry[number]
        return data


def _set_up(entries: int, completions: int, params: bytearray) -> tuple[int, int]:
    """Return the descriptor and the flags of a new ring: the best flags that this kernel knows."""
    for flags in _FLAGS:
        struct.pack_into("=5I", params, 0, 0, completions, flags, 0, 0)
        try:
            return _call(_SETUP, entries, _pointer(params)), flags
        except OSError as error:
            if error.errno != errno.EINVAL or flags == _FLAGS[-1]:
                raise
    raise AssertionError


def unavailable() -> str | None:
    """Say why there can be no `Ring` here, or None."""
    try:
        Ring(entries=8, completions=16, buffers=1, read=4096).close()
    except OSError as error:
        return _reason(error)
    return None


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSYS:
        return "this kernel has no io_uring"
    if error.errno == errno.EINVAL:
        return f"the io_uring of Linux {os.uname().release} is too old; 6.0 has all that is needed"
    if error.errno in (errno.EPERM, errno.EACCES):
        try:
            disabled = Path("/proc/sys/kernel/io_uring_disabled").read_text().strip()
        except OSError:
            disabled = "0"
        if disabled != "0":
            return f"io_uring is switched off: sysctl kernel.io_uring_disabled is {disabled}"
        return "io_uring is forbidden here, as containers often have it (seccomp)"
    return f"io_uring cannot be set up: {error.strerror}"
