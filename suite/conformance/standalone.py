"""A failure as a program of its own: standard library only, less than sixty lines, for people who do not have this tool.

It plays one script by the rules of `player`, in fewer words, and judges the streams by itself.
"""

import textwrap

from suite import __version__
from suite.conformance.plan import Check
from suite.conformance.script import Script, to_json
from suite.events import Finding

__all__ = ("one_liner", "program")

OWED = {"echo": "sent", "discard": "sent[:0]"}
"""What a service owes to a client that has sent `sent`, where one expression says it."""
OPERATIONS = frozenset({"open", "send", "fin", "rst", "close", "read", "read_eof", "stall", "barrier", "pause"})
AFTER_DEATH = frozenset({"truncated", "lost", "reset", "refused", "deaf"})
"""How the death of a process looks to somebody who sees its sockets only."""
MOST_LINES = 59
WIDTH = 118
SHORT = 256
"""Bytes that a shell line may send."""

# The rules and their reasons are those of `run`, `link` and `oracle`. A line that ends in "#? WORD" is left out where
# the script or the failure has nothing to do with that.
_PROGRAM = r'''"""@ABOUT@
python3 FILE HOST PORT   exit 0: the fault did not show; 1: it showed; 3: no verdict. Python 3.9 or later, nothing else."""
import errno, random, select, socket, sys; from time import monotonic as now
FAULTS, SOFT = @FAULTS@, {"stalled", "no-fin", "unaccepted"}
PATIENCE, OWED, MiB, ALL = @PATIENCE@, lambda sent: @OWED@, 1 << 20, 1 << 60  # seconds that a wait lasts once nothing moves; bytes owed
SCRIPT = @SCRIPT@
def leave(code, line): sys.exit(print(line) or code)
def data(p): return bytes.fromhex(p["hex"]) if "hex" in p else (random.Random(p["seed"]).randbytes(min(p["len"], MiB + 13)) * (p["len"] // (MiB + 13) + 1))[:p["len"]]  #? send
class Client(socket.socket):  # end: how the server's side ended; bad: where wrong bytes began; late: how many did not come
    fin = gone = broken = stalled = False; goal = others = mark = 0; budget = ALL; end = bad = late = None
    def __init__(self, same_port_as=None, narrow=False, hasty=False):  # hasty: the connect is not waited for
        super().__init__(FAMILY); self.settimeout(0 if hasty else 8); self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); self.moved, self.sent, self.got, self.queue = now(), bytearray(), bytearray(), bytearray()
        if narrow: self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304); self.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)  #? narrow
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); self.bind(("", clients[same_port_as].port if same_port_as is not None else 0))  #? same_port_as
        self.end = {0: None, errno.EINPROGRESS: None, errno.ECONNREFUSED: "refused"}.get(self.connect_ex(WHERE), "unaccepted"); self.port = self.getsockname()[1]; self.setblocking(False)
    def move(self, flags=0):  # send what the kernel takes now, receive what has come
        try:
            while self.queue: n = self.send(self.queue[:MiB], flags); self.sent += self.queue[:n]; del self.queue[:n]; self.moved = now()
        except OSError as error: self.broken |= not isinstance(error, BlockingIOError)  # how it ended, recv says
        try: new = self.recv(min(MiB, self.budget)) if self.budget > 0 else self.recv(1) if self.broken else None
        except OSError as error: new = None if isinstance(error, BlockingIOError) else b""; self.broken |= new == b""
        if new == b"" or self.broken: self.queue.clear(); self.end = None if new != b"" else "RST" if self.broken else "FIN"
        if new: at = len(self.got); self.got += new; self.budget -= len(new); self.moved = now()
        if new and self.bad is None and OWED(self.sent)[at:at + len(new)] != new: self.bad = next(i for i in range(at, len(self.got)) if OWED(self.sent)[i:i + 1] != self.got[i:i + 1])
    def fault(self):  # kind, expected, actual
        got, i, owed = len(self.got), self.bad, OWED(self.sent); came = f"{got} bytes, then {self.end or 'nothing'}"
        if self.others >= 80 * MiB: return "stalled", "an answer while others are served", f"none until they had {self.others // MiB} MiB"  #? overtaken
        if len(self.sent) > 64 * MiB and not got: return "unbounded", "at most 64 MiB taken from a client that never reads", f"{len(self.sent) // MiB} MiB"  #? unbounded
        if i is not None: return "wrong" if i < len(owed) else "extra", f"[{owed[i:i + 8].hex(' ')}] at offset {i}", f"[{self.got[i:i + 8].hex(' ')}]"
        if self.end in ("FIN", "RST") and got < len(owed): return "truncated" if self.end == "FIN" else "lost", f"{len(owed)} bytes, then FIN", came
        if self.late is not None and not self.end: return "stalled" if self.late else "no-fin", f"{got + self.late} bytes, then FIN", came
        return {"FIN": "" if self.fin else "early-fin", "RST": "reset"}.get(self.end, self.end), "FIN after the client's FIN", came
def wait(c, done, seconds):  # let bytes move until done(), or until none of c's has moved for so long
    start, left = now(), seconds
    while not done() and not (c and (c.end or c.bad is not None)) and left > 0:
        live = [o for o in clients.values() if not (o.end or o.gone)]
        for o in {*sum(select.select([o for o in live if o.budget > 0 or o.broken], [o for o in live if o.queue], [], left)[:2], [])}: o.move()
        left = max(start, c.moved if c else 0) + seconds - now(); c and now() > start + 30 and leave(3, "no verdict: bytes still move after 30 s; too slow to judge")
    return left > 0 or done()
FAMILY, _, _, _, WHERE = min(socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), type=socket.SOCK_STREAM))
for clients in @PASSES@:  # where there are two, what does not come has to stay away twice
    for at, (kind, *rest) in enumerate(SCRIPT + [["close", op[1]] for op in SCRIPT if op[0] == "open"] + [["barrier"]]):
        me = rest[0] if rest and kind != "pause" else -1 - at
        if kind == "open" or kind == "barrier" and me < 0: clients[me] = Client(**(rest[1] if len(rest) > 1 else {}))
        if not at and clients[me].end: leave(3, f"no verdict: cannot connect to {WHERE[0]} port {WHERE[1]}: {clients[me].end}")
        c = clients.get(me); up = c and not (c.end or c.gone or c.fin); total = lambda: sum(len(o.got) for o in clients.values() if o is not c)
        if kind == "pause": wait(None, lambda: False, rest[0] / 1000)  #? pause
        if kind == "stall": c.stalled, c.budget = True, 0  #? stall
        if kind in ("send", "barrier") and up:
            c.mark = total(); c.queue += data(rest[1]) if kind == "send" else b"%015x\n" % random.getrandbits(60)
            c.move(socket.MSG_MORE if SCRIPT[at + 1:at + 2] == [["fin", me]] else 0)  # a FIN rides in the last segment
        if kind == "fin": wait(c, lambda: not c.queue, 0.1); c.queue.clear(); c.fin = True; up and (c.end or c.broken or c.shutdown(socket.SHUT_WR))  #? fin
        if kind in ("rst", "close") and not c.gone: kind == "rst" and c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"); c.gone = True; c.close()
        if kind == "read": c.goal = min(c.goal + rest[1], len(c.sent) + len(c.queue)); c.budget = c.goal - len(c.got) if c.stalled else ALL  #? read
        if kind in ("read_eof", "barrier"): c.stalled, c.budget, c.goal = False, ALL, ALL if kind == "read_eof" else len(OWED(c.sent + c.queue))
        if kind in ("read", "read_eof", "barrier") and not c.gone and not wait(c, lambda: len(c.got) >= c.goal, PATIENCE): c.late = min(c.goal, len(OWED(c.sent))) - len(c.got); break
        if kind in ("read", "barrier") and len(c.got) >= c.goal: c.others = max(c.others, total() - c.mark)  #? overtaken
        if any(o.bad is not None for o in clients.values()): break
    found = sorted(((me, *c.fault()) for me, c in clients.items() if c.fault()[0] in FAULTS), key=lambda row: row[1] in SOFT) or leave(0, "the fault did not show")
    if found[0][1] not in SOFT: break
leave(1, "it showed: {1}, client {0}: expected {2}; got {3}".format(*found[0]))
'''


def program(
    check: Check, finding: Finding, script: Script, service: str, patience: float, *, afresh: bool
) -> str | None:
    """Return the program that shows a failure again; None where it would need what only this tool has.

    Args:
        check: what failed.
        finding: how.
        script: what to play.
        service: what the target serves.
        patience: seconds that a wait lasts once nothing moves.
        afresh: it shows on a server that has just been started, and perhaps only once.
    """
    if service not in OWED or not {op.kind for op in script} <= OPERATIONS:
        return None
    faults = check.faults | {finding.kind} | (AFTER_DEATH if finding.kind == "died" else frozenset())
    needed = {op.kind for op in script} | {"send" if any(op.payload for op in script) else "", finding.kind}
    needed |= {"narrow"} if any(op.narrow for op in script) else set()
    needed |= {"same_port_as"} if any(op.same_port_as is not None for op in script) else set()
    needed |= {"overtaken"} if finding.kind == "stalled" and check.judge is not None else set()
    lines = [
        line.partition("  #? ")[0] for line in _PROGRAM.splitlines() if line.partition("  #? ")[2] in {"", *needed}
    ]
    about = f"{check.id} ({check.level}): {check.requirement} Seen by suite {__version__}.".replace("\\", "/").replace(
        '"', "'"
    )
    filled = {
        "@ABOUT@": about,
        "@FAULTS@": "{" + ", ".join(f'"{kind}"' for kind in sorted(faults)) + "}",
        "@PATIENCE@": f"{patience:.2f}",
        "@PASSES@": "({},)" if afresh else "{}, {}",
        "@OWED@": OWED[service],
        "@SCRIPT@": _rows(script, MOST_LINES - len(lines)),
    }
    text = "\n".join(lines) + "\n"
    for name, value in filled.items():
        text = text.replace(name, value)
    return text


def _rows(script: Script, spare: int) -> str:
    """Render a script as a Python literal, on several lines where there is room for them."""
    whole = repr(to_json(script))
    rows = textwrap.wrap(whole[1:-1], WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)  # fmt: skip
    return whole if len(whole) < WIDTH or len(rows) + 1 > spare else "[\n" + "\n".join(rows) + "\n]"


def one_liner(script: Script, where: str = "HOST PORT") -> str | None:
    """Return the script as a line for a POSIX shell; None unless one client sends a little, half-closes, and reads."""
    kinds = [op.kind for op in script]
    data = b"".join(op.payload.data for op in script if op.payload is not None and op.payload.length <= SHORT)
    sends = kinds.count("send")
    if (
        kinds not in (["open", *["send"] * sends, "fin"], ["open", *["send"] * sends, "fin", "read_eof"])
        or script[0].narrow
    ):
        return None
    if sum(op.payload.length for op in script if op.payload is not None) > SHORT:
        return None
    # printf(1): octal escapes are the ones that every shell knows; a dash in front would begin an option.
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b"%\\'" else f"\\{byte:03o}" for byte in data)
    text = "".join(plain)
    text = f"\\055{text[1:]}" if text.startswith("-") else text
    return f"printf '{text}' | nc -N {where} | od -An -tx1 -v"
