"""The parent of a server under test: starts it, reaps its orphans, and ends its whole tree. Imports nothing of ours.

    python -I -S _reaper.py NOFILE COMMAND...      NOFILE 0 leaves the descriptor limit alone

Why a process between the tool and the server, and not the tool itself:
- It is a child subreaper (PR_SET_CHILD_SUBREAPER, prctl(2)), so whatever daemonises becomes a child of *this* process:
  the server's tree is exactly its descendants, however they change session, environment or title, and two servers
  are never mixed up.
- It has one thread and few descriptors, so the child gets its limit race-free (a limit set after the start comes too
  late for runtimes that read it at once) and nothing of the tool's.
- When the tool dies, of whatever, standard input ends and the tree is killed: no server is ever left behind.

stdin: any byte, or its end, means: kill all. stderr: becomes the server's stdout and stderr. stdout: a line per event,
    pid PID            the command runs
    error ERRNO        it could not be started
    exit PID STATUS    it, or an orphan it left, has ended; STATUS as in `subprocess`: negative for a signal
    none               nothing of the tree lives any more
"""

import ctypes
import os
import resource
import select
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_PATIENCE = 5.0  # seconds for killed processes to be gone; one in uninterruptible sleep may take for ever


def _tell(*words: object) -> None:
    try:
        os.write(1, f"{' '.join(map(str, words))}\n".encode())
    except BrokenPipeError:
        pass  # the tool is gone; standard input says so too


def _start(nofile: int, command: list[str]) -> None:
    if nofile:
        resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
    try:
        pid = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)],
            setpgroup=0,
            # Python ignores SIGPIPE, nohup SIGHUP, a shell's `&` SIGINT; a server starts with none of that.
            setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            setsigmask=(),
        )
    except OSError as error:
        _tell("error", error.errno)
        sys.exit(1)
    _tell("pid", pid)


def _reap() -> bool:
    """Reap what has ended; say whether children remain."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if not pid:
            return True
        _tell("exit", pid, os.waitstatus_to_exitcode(status))


def _children() -> list[int]:
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - pathlib costs this script its start-up time
        try:
            with open(f"/proc/{name}/stat") as file:  # noqa: PTH123 - as above
                # The second field may hold anything, spaces and brackets too; the parent is the second after it.
                if int(file.read().rpartition(")")[2].split()[1]) == os.getpid():
                    found.append(int(name))
        except OSError:
            pass  # it has gone meanwhile
    return found


def _kill_all() -> None:
    """Kill children until none is left: the orphans of each killed child come here, and are next."""
    deadline = time.monotonic() + _PATIENCE
    while _reap() and time.monotonic() < deadline:
        for pid in _children():
            try:
                os.kill(pid, signal.SIGKILL)
            except PermissionError:
                pass  # another user's (sudo); it is left to _PATIENCE
        time.sleep(0.001)


def main(nofile: str, *command: str) -> None:
    """Start the command, reap until told to end, then kill the tree."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _start(int(nofile), list(command))
    # From here only the server's tree holds the output pipe: its end is the end of the output.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            if not _reap():
                _tell("none")
        if 0 in ready:
            break
    _kill_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
