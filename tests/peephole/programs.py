"""Straight-line programs as tests write them: instructions in Intel syntax, JIT-time values by name.

program("mov ecx, E; add rax, rcx", E=(0, 255))
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dasc import NEXT
from stencilgen.layout.code import Block, Code, Jump
from stencilgen.layout.conventions import INDIRECT
from stencilgen.layout.liveness import ALL_FLAGS, EVERYTHING, backward, flags_mask, parts, usage_of
from stencilgen.peephole.driver import by_mnemonic, improve
from stencilgen.peephole.known_value import ValueRule, propagate
from stencilgen.peephole.rule import Rule, Site
from x86_64 import REGISTERS, Address, Flags, Instruction, Memory, Operand, Register, Symbol, Symbolic, parse_intel

Range = tuple[int, int]

ALL_REGISTERS = EVERYTHING & ~ALL_FLAGS


def program(text: str, **symbols: Range) -> tuple[Instruction, ...]:
    """Parse a program; `symbols` gives each symbol's inclusive range, other names are addresses."""

    def resolve(name: str) -> Symbol | Address:
        return Symbol(name, *symbols[name]) if name in symbols else Address(name)

    return tuple(parse_intel(line.strip(), resolve) for line in text.split(";") if line.strip())


def text(instructions: Iterable[Instruction]) -> str:
    return "; ".join(map(str, instructions))


def mask(names: str) -> int:
    """Registers and flags by name → a liveness mask; "flags" is all of them."""
    result = 0
    for name in names.split():
        if name == "flags":
            result |= ALL_FLAGS
        elif name.isupper():
            result |= flags_mask(Flags[name])
        else:
            result |= parts(Register.named(name))
    return result


def apply(
    rules: Sequence[Rule], instructions: Sequence[Instruction], live_out: int
) -> tuple[tuple[Instruction, ...], Counter[str]]:
    """Run the rules over a straight line of code."""
    usages = [usage_of(instruction) for instruction in instructions]
    site = Site(list(instructions), usages, backward(usages, live_out))
    fired: Counter[str] = Counter()
    improve(site, live_out, by_mnemonic(rules), fired)
    return tuple(site.instructions), fired


def apply_to_values(
    rules: Sequence[ValueRule], instructions: Sequence[Instruction], live_out: int
) -> tuple[tuple[Instruction, ...], Counter[str]]:
    """Run rules about values over a straight line of code. Flags are never live at a stencil's end."""
    registers = frozenset(r for r in REGISTERS if r.kind in ("r64", "xmm") and parts(r) & live_out == parts(r))
    code = Code("line", (Block("line", tuple(instructions), Jump(NEXT)),), registers, {}, INDIRECT)
    fired: Counter[str] = Counter()
    return propagate(code, rules, fired).blocks[0].instructions, fired


def symbols_of(instructions: Iterable[Instruction]) -> Iterator[Symbol]:
    for instruction in instructions:
        for operand in instruction.operands:
            value = operand.displacement if isinstance(operand, Memory) else operand
            if isinstance(value, Symbolic):
                yield value.symbol


def bind(instructions: Iterable[Instruction], values: Mapping[str, int]) -> list[Instruction]:
    """The program with numbers in place of its symbols."""

    def number(value: Symbolic) -> int:
        return values[value.symbol.name] + value.addend

    def bound(operand: Operand) -> Operand:
        match operand:
            case Symbolic():
                return number(operand)
            case Memory(displacement=Symbolic() as displacement):
                return replace(operand, displacement=number(displacement))
        return operand

    return [replace(i, operands=tuple(map(bound, i.operands))) for i in instructions]


# Templates over all widths: {a} {b} {c} {d} are rax, rbx, rcx, rdx at some width, {m} is memory of that width at rsi.

WIDTHS = (8, 16, 32, 64)
_KEYWORDS = {8: "byte", 16: "word", 32: "dword", 64: "qword"}
FULL_RANGE: Mapping[int, Range] = {
    8: (0, 0xFF),
    16: (0, 0xFFFF),
    32: (0, 0xFFFF_FFFF),
    64: (-(1 << 31), (1 << 31) - 1),
}
"""The largest range of a symbol that is an immediate at each width."""


def at_width(template: str, bits: int) -> str:
    """The template's placeholders filled in for one width."""
    names = {letter: Register.named(f"r{letter}x").resize(bits // 8).name for letter in "abcd"}
    return template.format(m=f"{_KEYWORDS[bits]} [rsi+16]", **names)
