"""The errors this project raises. A fault of a *server under test* is never one of them: that is a finding, data.

SuiteError is one line for the user; its `exit_code` says how the command ends.

- UsageError, 2: the command line cannot be obeyed
- StartError, 2: a server of ours cannot start (port taken, no permission, unavailable variant)
- TargetError, 3: the target cannot be reached or started: no verdict
- HarnessError, 4: the tool itself ran out of something (descriptors, ports, memory)
- OracleError, 4: what a user wrote to say what is right (`--service module:attr`) fails itself
"""

__all__ = ("HarnessError", "OracleError", "StartError", "SuiteError", "TargetError", "UsageError")


class SuiteError(Exception):
    """An error of ours; its text is one line that names the cause and the remedy."""

    exit_code = 4


class UsageError(SuiteError):
    """The command line or a file named on it cannot be obeyed."""

    exit_code = 2


class StartError(SuiteError):
    """A server of ours cannot start."""

    exit_code = 2


class TargetError(SuiteError):
    """The server under test cannot be reached, started or judged at all."""

    exit_code = 3


class HarnessError(SuiteError):
    """The tool itself failed: its own descriptors or ports ran out, or it has a bug."""

    exit_code = 4


class OracleError(SuiteError):
    """An oracle raised, or contradicts itself: no verdict about the server follows from it."""

    exit_code = 4
