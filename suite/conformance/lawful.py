"""What a client may send, by the word of an `Oracle`: of a program that was made or shortened, what is left of it."""

from collections.abc import Iterable

from suite.conformance.dialogue import Dialogue, Oracle, Unspecified
from suite.conformance.script import Op, Script, normalise
from suite.errors import OracleError

__all__ = ("examine", "lawful")


def lawful(ops: Iterable[Op], oracle: Oracle) -> Script:
    """Take out what would do nothing, and every message that its client may not send at that point.

    Raises:
        OracleError: the oracle raised.
    """
    talks: dict[int, tuple[Dialogue, bytes]] = {}
    script: list[Op] = []
    for op in normalise(ops, as_echo=False):
        if op.payload is not None:
            talk, before = talks.get(op.client) or (oracle.conversation(), b"")
            if talk.closes and oracle.messages is not None:
                continue
            data = op.payload.data
            try:
                talk.receive(data)
            except Unspecified:
                # What the dialogue has made of it so far is nobody's business: begin anew from what was sent.
                talks[op.client] = (oracle.replay(before), before)
                continue
            except (Exception, SystemExit) as error:
                raise oracle.blamed(error) from error
            talks[op.client] = (talk, before + data)
        script.append(op)
    return tuple(script)


def examine(script: Script, oracle: Oracle) -> None:
    """See whether the oracle says the same again, and whatever way the same bytes are cut.

    Raises:
        OracleError: it does not.
    """
    sent: dict[int, bytes] = {}
    for op in script:
        if op.payload is not None:
            sent[op.client] = sent.get(op.client, b"") + op.payload.data
    for data in sent.values():
        whole = oracle.replay(data)
        again = oracle.replay(data)
        bytewise = oracle.conversation()
        for at in range(len(data)):
            oracle.guarded(bytewise.receive, data[at : at + 1])
        for other, what in ((again, "is not deterministic"), (bytewise, "depends on how what it receives is cut")):
            if (whole.owed, whole.closes) != (other.owed, other.closes):
                raise OracleError(
                    f"the oracle {oracle.service} {what}: for {data[:60]!r} it owes "
                    f"{bytes(whole.owed[-40:])!r} or {bytes(other.owed[-40:])!r}; mend the oracle"
                )
