"""What may overflow is computed in the place of its operand: an exit that needs the operand gets it back from the result.

      %both = sadd.with.overflow(%a, %b)              %both = sadd.with.overflow(%a, %b)
      br %overflows, label %exit, label %on           br %overflows, label %exit, label %on
    exit:                                      →    exit:
      store %a                                        %sum = extractvalue %both, 0
                                                      %again = sub %sum, %b
                                                      store %again

The key idea: additions and subtractions lose nothing when they overflow, so an operand need not outlive the operation where
only the exit asks for it. `mov rax, r15 ; add rax, rdi ; jo exit ; mov r15, rax` becomes `add r15, rdi ; jo exit`, and the
exit, which is cold, has one instruction more. What exits ask for is entries of the operand stack that came in registers (see
`window`). This is done last, because LLVM's own passes see through it and would find the operand again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llvm_passes.body import Body
from llvm_passes.fold import function_spans
from llvm_passes.holes import EXIT
from llvm_passes.instructions import argument
from llvm_passes.text import NAME, closing, split_top

__all__ = ["may_undo", "undone"]

_OPERATION = re.compile(
    rf"^  %(?P<name>{NAME}) = .*?call (?P<pair>\{{ i\d+, i1 \}}) @llvm\.[su](?P<kind>add|sub)\.with\.overflow\.i\d+(?=\()"
)
_FLAG = re.compile(rf"^  %({NAME}) = extractvalue .*, 1$")
_BRANCH = re.compile(rf"^  br i1 %{NAME}, label %({NAME}), label %{NAME}")
_LABEL = re.compile(rf"^({NAME}):")
_TARGET = re.compile(rf"label %({NAME})")


@dataclass(frozen=True, slots=True)
class _Operation:
    """A line of a function whose result may overflow: `pair` is the result's type, which has a flag beside the number."""

    line: int
    name: str
    pair: str
    adds: bool
    type: str
    first: str
    second: str

    def inverses(self, result: str) -> Iterator[tuple[str, str]]:
        """Each operand, and how it is computed from the result and the other one."""
        yield self.first, f"{'sub' if self.adds else 'add'} {self.type} {result}, {self.second}"
        from_second = (result, self.first) if self.adds else (self.first, result)
        yield self.second, f"sub {self.type} {', '.join(from_second)}"


def may_undo(module: str) -> bool:
    """Whether a module's text can hold such an operation at all."""
    return ".with.overflow." in module and f"@{EXIT}(" in module


def undone(module: str) -> str:
    """The module's text with exits that undo such operations. Values and blocks must have names."""
    pieces, position = [], 0
    for start, end, _ in function_spans(module):
        function = module[start:end]
        pieces += [module[position:start], _rewritten(function) if may_undo(function) else function]
        position = end
    return "".join([*pieces, module[position:]])


def _rewritten(function: str) -> str:
    body = Body(function)
    blocks = _blocks(body)
    changed = False
    for operation in _operations(body):
        exit_ = blocks.get(_where_it_overflows(body, operation), range(0))
        if any(f"@{EXIT}(" in body.lines[line] for line in exit_):
            changed |= _undo(body, operation, exit_)
    return body.text() if changed else function


def _operations(body: Body) -> Iterator[_Operation]:
    for index, line in enumerate(body.lines):
        if match := _OPERATION.match(line):
            (type_, first), (_, second) = map(argument, split_top(line[match.end() + 1 : closing(line, match.end())]))
            yield _Operation(index, match["name"], match["pair"], match["kind"] == "add", type_, first, second)


def _blocks(body: Body) -> dict[str, range]:
    """The lines of the blocks to which control comes from one place only, behind their labels."""
    labels = [(match[1], index) for index, line in enumerate(body.lines) if (match := _LABEL.match(line))]
    ends = [index for _, index in labels[1:]] + [len(body.lines)]
    targets = [name for line in body.lines for name in _TARGET.findall(line)]
    return {
        name: range(start + 1, end)
        for (name, start), end in zip(labels, ends, strict=True)
        if targets.count(name) == 1 and " = phi " not in body.lines[start + 1]
    }


def _where_it_overflows(body: Body, operation: _Operation) -> str:
    """The block to which control goes then; "" if the flag is used otherwise."""
    flags = [match[1] for user in body.users(operation.name) if (match := _FLAG.match(body.lines[user]))]
    users = [user for flag in flags for user in body.users(flag)]
    branch = _BRANCH.match(body.lines[users[0]]) if len(users) == 1 else None
    return branch[1] if branch else ""


def _undo(body: Body, operation: _Operation, exit_: range) -> bool:
    """Compute an operand again in the exit, the only one to use it besides the operation; False if neither is such."""
    result, again = body.fresh(), body.fresh()
    for operand, inverse in operation.inverses(f"%{result}"):
        users = set(body.users(operand[1:])) - {0, operation.line} if operand.startswith("%") else set()
        if not users or not users <= set(exit_) or operation.first == operation.second:
            continue
        for user in users:
            body.lines[user] = body.replace(body.lines[user], {operand[1:]: f"%{again}"}.get)
        body.lines[exit_[0]] = "\n".join(
            [
                f"  %{result} = extractvalue {operation.pair} %{operation.name}, 0",
                f"  %{again} = {inverse}",
                body.lines[exit_[0]],
            ]
        )
        return True
    return False
