"""Rules about a value that a register keeps over several instructions and blocks.

A rule of `rule.py` sees one straight line. Here a register gets a value that could be computed where it is used:

      lea  rcx, [r12 + E]
      test al, 3                       test al, 3
      jne  1                           jne  1
      inc  dword [rax]         →       inc  dword [rax]
    1:mov  rsi, [rcx]                1:mov  rsi, [r12 + E]
      mov  [rcx], rax                  mov  [r12 + E], rax

Two ideas. *Where* the register holds the value is one bit a place, found by a forward analysis: it is set by the
definition (by any instruction equal to it), cleared by whatever may change the register or what the value is made
from, and at a block's start it is set if it is at the end of all its predecessors. *Whether* it pays is tried: all
uses are rewritten, and if the definition is dead then and the whole is cheaper, it stays so.

And what a register holds already is not put into it again (`drop_repeated`):

    mov  rax, W                        mov  rax, W
    inc  dword [rax]           →       inc  dword [rax]
    mov  rsi, [r12 + E]                mov  rsi, [r12 + E]
    mov  rax, W
    mov  [r12 + E], rax                mov  [r12 + E], rax

A `ValueRule` rewrites one use. It is proved as `definition ; use` = `definition ; rewritten use`, all registers live. That
the analysis says where is proved by induction over whole stencils (`tests/peephole/test_flow_proofs.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from stencilgen.layout.code import Block, Code
from stencilgen.layout.liveness import ALL_FLAGS, Liveness, parts, usage_of
from x86_64 import Instruction, Register

__all__ = ["ValueRule", "drop_repeated", "propagate"]


@dataclass(frozen=True, slots=True)
class ValueRule:
    """`rewrite(definition, use)` gives the use without the register that the definition sets, or None.

    heads: the definitions' mnemonics. A definition has a general register and a value as operands; it accesses no
    memory and no flags, and its register is no part of the value.
    """

    name: str
    heads: frozenset[str]
    rewrite: Callable[[Instruction, Instruction], Instruction | None]


def propagate(code: Code, rules: Sequence[ValueRule], fired: Counter[str]) -> Code:
    """Apply each rule wherever it pays; counts each definition that goes."""
    refused = set[tuple[str, Instruction]]()
    liveness = Liveness(code)
    while attempt := _first(code, liveness, rules, refused):
        rule, code, liveness = attempt
        fired[rule.name] += 1
    return code


def _first(
    code: Code, liveness: Liveness, rules: Sequence[ValueRule], refused: set[tuple[str, Instruction]]
) -> tuple[ValueRule, Code, Liveness] | None:
    """The first definition that can go, with the code without it. Remembers in `refused` what cannot."""
    for rule in rules:
        for definition in _definitions(code, rule.heads):
            if (rule.name, definition) in refused:
                continue
            changed = _rewritten(code, liveness, rule, definition)
            result = None if changed is None else _without(changed, definition)
            if result is not None and _cost(result[0]) < _cost(code):
                refused.clear()
                return rule, *result
            refused.add((rule.name, definition))
    return None


def _definitions(code: Code, heads: frozenset[str]) -> Iterator[Instruction]:
    seen = set[Instruction]()
    for block in code.blocks:
        for instruction in block.instructions:
            if instruction.mnemonic not in heads or instruction in seen:
                continue
            seen.add(instruction)
            usage = usage_of(instruction)
            match instruction.operands:
                case (Register(kind="r32" | "r64") as target, _):
                    if not (usage.loads or usage.stores or usage.reads & parts(target.whole)):
                        yield instruction


def _rewritten(code: Code, liveness: Liveness, rule: ValueRule, definition: Instruction) -> Code | None:
    """The code with every use of the definition rewritten; None if one cannot be, or there is none."""
    held = usage_of(definition).changes & ~ALL_FLAGS
    depends = _depends_on(definition)
    holds = _holds_at_start(code, liveness, definition)
    blocks, uses = list[Block](), 0
    for block in code.blocks:
        known, edits = holds[block.name], dict[int, Instruction]()
        usages = liveness.usages[block.name]
        for position, (instruction, usage) in enumerate(zip(block.instructions, usages, strict=True)):
            if known and usage.reads & held:
                new = rule.rewrite(definition, instruction) if usage.straight else None
                if new is None or usage_of(new).reads & held:
                    return None
                edits[position] = new
            if usage.changes & depends:
                known = instruction == definition
        blocks.append(_edited(block, edits))
        uses += len(edits)
    return replace(code, blocks=tuple(blocks)) if uses else None


def _edited(block: Block, edits: Mapping[int, Instruction]) -> Block:
    """The block with other instructions at these positions."""
    if not edits:
        return block
    return replace(block, instructions=tuple(edits.get(n, old) for n, old in enumerate(block.instructions)))


def drop_repeated(code: Code, heads: frozenset[str], fired: Counter[str], name: str) -> Code:
    """Remove every definition (with one of these mnemonics) of a value that its register holds already."""
    for definition in _definitions(code, heads):
        if sum(block.instructions.count(definition) for block in code.blocks) < 2:
            continue
        liveness = Liveness(code)
        depends = _depends_on(definition)
        holds = _holds_at_start(code, liveness, definition)
        blocks = []
        for block in code.blocks:
            known, kept = holds[block.name], list[Instruction]()
            for instruction, usage in zip(block.instructions, liveness.usages[block.name], strict=True):
                if instruction == definition and known:
                    fired[name] += 1
                    continue
                kept.append(instruction)
                if usage.changes & depends:
                    known = instruction == definition
            blocks.append(replace(block, instructions=tuple(kept)))
        code = replace(code, blocks=tuple(blocks))
    return code


def _depends_on(definition: Instruction) -> int:
    """The parts whose change ends the register's holding of the value, unless it is the definition that changes them."""
    usage = usage_of(definition)
    return usage.changes | usage.reads


def _holds_at_start(code: Code, liveness: Liveness, definition: Instruction) -> Mapping[str, bool]:
    """Per block: does the register hold the definition's value there, on whatever way control came?"""
    depends = _depends_on(definition)
    ends: dict[str, bool | None] = {}  # what is at the block's end, None: what is at its start
    for block in code.blocks:
        end: bool | None = None
        for instruction, usage in zip(block.instructions, liveness.usages[block.name], strict=True):
            if usage.changes & depends:
                end = instruction == definition
        ends[block.name] = end
    starts = dict.fromkeys(ends, True)
    starts[code.blocks[0].name] = False
    changed = True
    while changed:
        changed = False
        for block in code.blocks:
            end = ends[block.name]
            if starts[block.name] if end is None else end:
                continue
            for name in liveness.following[block.name]:
                if starts[name]:
                    starts[name] = False
                    changed = True
    return starts


def _without(code: Code, definition: Instruction) -> tuple[Code, Liveness] | None:
    """The code without the definition where nobody reads it any more; None if somebody does everywhere."""
    liveness = Liveness(code)
    held = usage_of(definition).changes
    blocks, removed = list[Block](), False
    for block in code.blocks:
        kept = tuple(
            instruction
            for instruction, live in zip(block.instructions, liveness.live_after(block.name), strict=True)
            if instruction != definition or live & held
        )
        removed |= len(kept) < len(block.instructions)
        blocks.append(replace(block, instructions=kept))
    if not removed:
        return None
    code = replace(code, blocks=tuple(blocks))
    return code, Liveness(code)


HOT, COLD = 4, 1
"""How much a byte weighs."""
INSTRUCTION = 2
"""What an instruction costs beside its bytes, in bytes."""


def _cost(code: Code) -> float:
    return sum((COLD if block.cold else HOT) * sum(map(_price, block.instructions)) for block in code.blocks)


@lru_cache(maxsize=1 << 14)
def _price(instruction: Instruction) -> float:
    """Bytes, those between the shortest and the longest form of a symbolic field counted half."""
    lengths = [len(encoding.code) for encoding in instruction.encodings()]
    return INSTRUCTION + (min(lengths) + max(lengths)) / 2
