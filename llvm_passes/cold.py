"""What is cold, and how functions are compiled: marks that make LLVM itself separate hot code from cold.

LLVM moves a block to the cold section when its profile count is below one. So every stencil gets an entry count, and each
branch one of whose sides can only end in an exit, in a call of a `cold` function or in one that does not return, gets
weights; `__builtin_expect` has already left its own. The attributes set here keep frames to one `sub`/`push` with its
inverse, and rbp out of use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from llvm_passes.text import NAME

ENTRY_COUNT = 1000
UNLIKELY, LIKELY = 1, 2000

STENCIL_ATTRIBUTES = 'noredzone nounwind "frame-pointer"="reserved" "no-jump-tables"="true"'

# attributes that a compiler's defaults may bring along and that would undo the above or add code to the frame
_UNWANTED = re.compile(
    r' (?:"frame-pointer"="[^"]*"|"no-jump-tables"="[^"]*"|"probe-stack"="[^"]*"|"stack-protector-buffer-size"="\d+"'
    r"|uwtable(?:\(\w+\))?|ssp(?:strong|req)?|minsize|optnone|noinline)(?![-\w])"
)
_GROUP = re.compile(r"^attributes (#\d+) = \{(.*)\}$", re.M)
_DEFINE = re.compile(r"^define (?:dso_local )?(.*?)(?: section \"[^\"]*\")?(?: !prof !\d+)? \{$", re.M)
_COLD_DECLARATION = re.compile(rf"^(?:declare|define) .*?@({NAME})\(.*?\).*?(#\d+)", re.M)
_LABEL = re.compile(rf"^({NAME}):")
_TARGET = re.compile(rf"label %({NAME})")
_CALL = re.compile(rf" call .*?(?:@({NAME}))?\(.*?(#\d+)?$")

ALWAYS_COLD = frozenset({"__sg_exit"})


def mark(text: str) -> str:
    """A module's text with attributes, entry counts and branch weights on every function it defines."""
    cold_groups = {match[1] for match in _GROUP.finditer(text) if re.search(r"\b(?:cold|noreturn)\b", match[2])}
    cold_functions = ALWAYS_COLD | {m[1] for m in _COLD_DECLARATION.finditer(text) if m[2] in cold_groups}
    text = _GROUP.sub(lambda match: f"attributes {match[1]} = {{{_UNWANTED.sub('', match[2])}}}", text)
    first = 1 + max((int(number) for number in re.findall(r"^!(\d+) =", text, re.M)), default=-1)
    entry, first_cold, second_cold = (f"!{first + number}" for number in range(3))
    weights = _Weights(cold_functions, frozenset(cold_groups), f", !prof {first_cold}", f", !prof {second_cold}")
    pieces, position = [], 0
    for match in _DEFINE.finditer(text):
        end = text.index("\n}", match.end())
        pieces.append(text[position : match.start()])
        pieces.append(
            f"define dso_local hidden {match[1].replace(' hidden ', ' ')} {STENCIL_ATTRIBUTES} !prof {entry} {{"
        )
        pieces.append(_weigh(text[match.end() : end], weights))
        position = end
    pieces.append(text[position:])
    pieces.append(f'\n{entry} = !{{!"function_entry_count", i64 {ENTRY_COUNT}}}')
    pieces.append(f'\n{first_cold} = !{{!"branch_weights", i32 {UNLIKELY}, i32 {LIKELY}}}')
    pieces.append(f'\n{second_cold} = !{{!"branch_weights", i32 {LIKELY}, i32 {UNLIKELY}}}\n')
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Weights:
    cold_functions: frozenset[str]
    cold_groups: frozenset[str]
    first_is_cold: str
    second_is_cold: str


@dataclass(slots=True)
class _Block:
    successors: list[str] = field(default_factory=list)
    cold: bool = False
    branch: int = -1
    """The line of a two-way branch that has no weights yet."""


def _weigh(body: str, weights: _Weights) -> str:
    if "br i1 " not in body:
        return body
    lines = body.split("\n")
    blocks = _blocks(lines, weights)
    _spread(blocks)
    for block in blocks.values():
        if block.branch < 0:
            continue
        first, second = (blocks[name].cold for name in block.successors)
        if first != second:
            lines[block.branch] += weights.first_is_cold if first else weights.second_is_cold
    return "\n".join(lines)


def _blocks(lines: list[str], weights: _Weights) -> dict[str, _Block]:
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
            group = line.rsplit(" ", 1)[-1]
            callee = re.search(rf"@({NAME})\(", line)
            if group in weights.cold_groups or callee and callee[1] in weights.cold_functions:
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
