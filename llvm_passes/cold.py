"""What is cold, and how functions are compiled: marks that make LLVM itself separate hot code from cold.

LLVM moves a block to the cold section when its profile count is below one. So every stencil gets an entry count, and
each branch one of whose sides can only end in an exit, in a call of a `cold` function or in one that does not return,
gets weights; `__builtin_expect` has already left its own. The attributes set here keep frames to one `sub`/`push`
with its inverse, and rbp out of use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from llvm_passes.holes import EXIT
from llvm_passes.text import NAME

ENTRY_COUNT = 1000
UNLIKELY, LIKELY = 1, 2000

STENCIL_ATTRIBUTES = 'noredzone nounwind "frame-pointer"="reserved" "no-jump-tables"="true"'

# what a compiler's defaults or the author may have set, and what would undo the above, add code to the frame, or (cold,
# minsize) move or pessimise the whole stencil
_UNWANTED = re.compile(
    r' (?:"frame-pointer"="[^"]*"|"no-jump-tables"="[^"]*"|"probe-stack"="[^"]*"|"stack-protector-buffer-size"="\d+"'
    r"|uwtable(?:\(\w+\))?|ssp(?:strong|req)?|minsize|optnone|noinline|cold|hot|nounwind|noredzone)(?![-\w])"
)
_GROUP = re.compile(r"^attributes (#\d+) = \{(.*)\}$", re.M)
_DEFINE = re.compile(
    r"^define (?:dso_local )?(?:hidden )?(.*?)( #\d+)?(?: section \"[^\"]*\")?(?: !prof !\d+)? \{$", re.M
)
_DECLARATION = re.compile(rf"^(?:declare|define) .*?@({NAME})\(.*(#\d+)", re.M)
_LABEL = re.compile(rf"^({NAME}):")
_TARGET = re.compile(rf"label %({NAME})")
_CALLEE = re.compile(rf"@({NAME})\(")


@dataclass(frozen=True, slots=True)
class _Marks:
    """What tells a cold call: the callee's name or the call's attribute group; and the weights' metadata."""

    functions: frozenset[str]
    groups: frozenset[str]
    first_is_cold: str
    second_is_cold: str


@dataclass(slots=True)
class _Block:
    successors: list[str] = field(default_factory=list)
    cold: bool = False
    branch: int = -1
    """The line of a two-way branch that has no weights yet."""


def mark(text: str, split: bool = True) -> str:
    """A module's text with attributes, entry counts and branch weights on every function it defines. Without `split` all counts
    are so large that no block is cold.
    """
    groups = {match[1]: match[2].rstrip() for match in _GROUP.finditer(text)}
    cold_groups = frozenset(group for group, content in groups.items() if re.search(r" (?:cold|noreturn)\b", content))
    cold_functions = frozenset({EXIT} | {match[1] for match in _DECLARATION.finditer(text) if match[2] in cold_groups})
    first = 1 + max((int(number) for number in re.findall(r"^!(\d+) =", text, re.M)), default=-1)
    entry, first_cold, second_cold = (f"!{first + number}" for number in range(3))
    marks = _Marks(cold_functions, cold_groups, f", !prof {first_cold}", f", !prof {second_cold}")
    pieces, position = [], 0
    for match in _DEFINE.finditer(text):
        end = text.index("\n}", match.end())
        own = _UNWANTED.sub("", groups.get((match[2] or "").strip(), ""))
        header = f"define dso_local hidden {match[1]}{own} {STENCIL_ATTRIBUTES} !prof {entry} {{"
        pieces += [text[position : match.start()], header, _weigh(text[match.end() : end], marks)]
        position = end
    pieces.append(text[position:])
    pieces.append(f'\n{entry} = !{{!"function_entry_count", i64 {ENTRY_COUNT if split else 1 << 60}}}')
    pieces.append(f'\n{first_cold} = !{{!"branch_weights", i32 {UNLIKELY}, i32 {LIKELY}}}')
    pieces.append(f'\n{second_cold} = !{{!"branch_weights", i32 {LIKELY}, i32 {UNLIKELY}}}\n')
    return "".join(pieces)


def _weigh(body: str, marks: _Marks) -> str:
    """A function's body with weights on the branches that lead to cold code on one side only."""
    if "br i1 " not in body:
        return body
    lines = body.split("\n")
    blocks = _blocks(lines, marks)
    _spread(blocks)
    for block in blocks.values():
        if block.branch < 0:
            continue
        first, second = (blocks[name].cold for name in block.successors)
        if first != second:
            lines[block.branch] += marks.first_is_cold if first else marks.second_is_cold
    return "\n".join(lines)


def _blocks(lines: list[str], marks: _Marks) -> dict[str, _Block]:
    blocks: dict[str, _Block] = {}
    block = _Block()
    for index, line in enumerate(lines):
        if not line:
            continue
        if line[0] != " ":
            if match := _LABEL.match(line):
                block = blocks[match[1]] = _Block()
        elif "label %" in line:
            block.successors += _TARGET.findall(line)
            if line.startswith("  br i1 ") and "!prof" not in line:
                block.branch = index
        elif line == "  unreachable":
            block.cold = True
        elif " call " in line:
            callee = _CALLEE.search(line)
            if line.rsplit(" ", 1)[-1] in marks.groups or (callee and callee[1] in marks.functions):
                block.cold = True
    return blocks


def _spread(blocks: dict[str, _Block]) -> None:
    """A block whose successors are all cold is cold."""
    changed = True
    while changed:
        changed = False
        for block in blocks.values():
            if not block.cold and block.successors and all(blocks[name].cold for name in block.successors):
                block.cold = changed = True
