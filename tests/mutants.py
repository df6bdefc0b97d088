"""Mutants of a module of ours: its source with one small fault, as a careless edit would leave it.

The syntax tree says where and what; the edit is made in the source text, so that a report can show the line as it was
and as it became. Left alone is what no client can see or no editor would slip in: annotations, decorators, docstrings,
the log's words, `__all__` and `__slots__`, blocks for type checkers, assignments at module level (each is an ImportError).
"""

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ("Mutant", "mutants_of")

_Placed = ast.expr | ast.stmt
_Edit = tuple[str, _Placed, _Placed, str]
"""Operator, first and last node that are replaced, what stands there instead."""

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.And: ast.Or, ast.Or: ast.And, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit of one file.

    Attributes:
        file: its path from the root of the project.
        line: where the edit begins, from 1.
        operator: the kind of edit.
        before: the text that goes.
        after: the text that comes.
        start: offset of `before`, in bytes.
    """

    file: str
    line: int
    operator: str
    before: str
    after: str
    start: int

    def apply(self, source: bytes) -> bytes:
        """Return the source with the edit made."""
        end = self.start + len(self.before.encode())
        return source[: self.start] + self.after.encode() + source[end:]


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """Return all mutants of a source, in its order: each is valid, and no two are the same program."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    tree = ast.parse(source)
    found: list[Mutant] = []
    seen = {ast.dump(tree)}
    for operator, first, last, after in _edits(tree):
        assert last.end_lineno is not None
        assert last.end_col_offset is not None
        start = lines[first.lineno - 1] + first.col_offset
        end = lines[last.end_lineno - 1] + last.end_col_offset
        mutant = Mutant(file, first.lineno, operator, source[start:end].decode(), after, start)
        program = ast.dump(ast.parse(mutant.apply(source)))
        if program not in seen:
            seen.add(program)
            found.append(mutant)
    return found


def _edits(node: ast.AST) -> Iterator[_Edit]:
    yield from _of(node)
    for child in _children(node):
        if not _left_alone(child):
            yield from _edits(child)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for item in value if isinstance(value, list) else [value]:
            # Module and class level: what is computed there may be off, but is not simply absent.
            if isinstance(node, ast.Module | ast.ClassDef) and isinstance(item, ast.Assign | ast.AnnAssign):
                item = item.value  # noqa: PLW2901 - the assignment itself is passed over
            if isinstance(item, ast.AST):
                yield item


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="log")))):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.JoinedStr():
            return True
    return False


def _of(node: ast.AST) -> Iterator[_Edit]:
    """The edits that begin at this very node."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield from _negated(test)
        case ast.comprehension(ifs=tests):
            for test in tests:
                yield from _negated(test)
        case ast.BoolOp(op=op):
            yield _changed("and / or", node, op=_SWAPS[type(op)]())
        case ast.Compare(ops=ops):
            for at, operator in enumerate(ops):
                swapped = [*ops[:at], _SWAPS[type(operator)](), *ops[at + 1 :]]
                yield _changed("comparison", node, ops=swapped)
        case ast.BinOp(op=op) if type(op) in _SWAPS:
            yield _changed(
                "flags" if isinstance(op, ast.BitAnd | ast.BitOr) else "arithmetic", node, op=_SWAPS[type(op)]()
            )
        case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
            yield "drop not, ~", node, node, f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield "constant", node, node, str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield from (("constant", node, node, f"{value + step}") for step in (1, -1))
        case ast.Call(keywords=keywords):
            for at, keyword in enumerate(keywords):
                if keyword.arg is not None:
                    yield _changed("drop keyword argument", node, keywords=[*keywords[:at], *keywords[at + 1 :]])
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.Delete():
            yield "drop statement", node, node, "pass"
        case ast.AugAssign(op=op):
            yield "drop statement", node, node, "pass"
            if type(op) in _SWAPS:
                yield _changed("arithmetic", node, op=_SWAPS[type(op)]())
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant) or value.value is not None:
            yield "return None", node, node, "return None"
        case ast.Break():
            yield "break / continue", node, node, "continue"
        case ast.Continue():
            yield "break / continue", node, node, "break"
        case ast.Try(handlers=handlers) | ast.TryStar(handlers=handlers):
            yield from _handlers(handlers)


def _negated(test: ast.expr) -> Iterator[_Edit]:
    opposite = ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
    match test:
        case ast.Constant() | ast.UnaryOp(op=ast.Not()):
            return
        case ast.Compare(ops=[only]) if isinstance(only, opposite):
            return  # swapping the comparison is the same program
    yield "negate condition", test, test, f"not ({ast.unparse(test)})"


def _handlers(handlers: Sequence[ast.ExceptHandler]) -> Iterator[_Edit]:
    """Let what was caught escape: to the next handler, else out of the statement."""
    for at, handler in enumerate(handlers):
        if at + 1 < len(handlers) and handler.type is not None:
            yield "exception handler", handler.type, handler.type, "()"
        else:
            yield "exception handler", handler.body[0], handler.body[-1], "raise"


def _changed(operator: str, node: _Placed, **fields: object) -> _Edit:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    text = ast.unparse(changed)
    return operator, node, node, text if isinstance(node, ast.Call | ast.stmt) else f"({text})"
