"""What an instruction reads and writes: registers, flags, memory, the instruction pointer.

The table's effects column is taken apart once per form; an instruction adds its operands. Widths are exact:

- a write to a 32-bit register also zeroes the upper half, so `writes` holds the 64-bit register;
- a VEX or EVEX write to a vector zeroes everything above it, so `writes` holds the zmm register; a legacy SSE write
  keeps what lies above bit 128, so `writes` holds the xmm register;
- `partial_writes` are those of `writes` after which bits of the old value survive or may survive: 8- and 16-bit
  writes, scalar moves between vectors, merge-masking, conditional writes (cmov, bsf), rep-prefixed string
  instructions that may run zero times.

A register whose value is live before the instruction is therefore: live after it and not overwritten, or in `reads`,
or in `partial_writes` and live after it. Calls and system calls: only what the instruction itself does, not what the
callee does.

Not modelled: the control and status registers of x87 and SSE, system flags, and that mm registers lie in the x87 stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import Enum, IntFlag
from functools import cache

from x86_64.operands import Masked, Memory, Operand
from x86_64.registers import Register, ecx, rcx
from x86_64.table import Form


class Flags(IntFlag):
    """Bits of rflags, at their places."""

    CF = 0x001
    PF = 0x004
    AF = 0x010
    ZF = 0x040
    SF = 0x080
    DF = 0x400
    OF = 0x800


_NONE = Flags(0)


class Control(Enum):
    """Where execution continues."""

    NEXT = "next"
    JUMP = "jump"
    CONDITIONAL = "conditional"  # the target or the next instruction
    CALL = "call"  # also int and syscall: elsewhere, then the next instruction
    RETURN = "return"
    INDIRECT_JUMP = "indirect_jump"
    INDIRECT_CALL = "indirect_call"
    TRAP = "trap"  # nowhere: ud2, int3


@dataclass(frozen=True, slots=True)
class Effects:
    """See the module's text.

    `memory_reads` and `memory_writes` hold implicit accesses (push, stos) too; with a size of None the extent is not
    known, and may begin before the address (bts, rep movs backwards).
    A flag in `flags_written` or `flags_undefined` no longer has its old value; flags that an instruction may leave
    alone (a shift by zero) are in `flags_read` as well.
    `features` are the ISA extensions that a processor must have, all of them, by the table's names (AVX512F, BMI2).
    """

    reads: frozenset[Register]
    writes: frozenset[Register]
    partial_writes: frozenset[Register] = frozenset()
    flags_read: Flags = _NONE
    flags_written: Flags = _NONE
    flags_undefined: Flags = _NONE
    memory_reads: tuple[Memory, ...] = ()
    memory_writes: tuple[Memory, ...] = ()
    control: Control = Control.NEXT
    features: tuple[str, ...] = ()


@dataclass(slots=True)
class _Implicit:
    """A form's effects column, taken apart."""

    read: Flags = _NONE
    written: Flags = _NONE
    undefined: Flags = _NONE
    maybe: bool = False
    merge: bool = False
    zero_extend: bool = False
    clears_mask: bool = False
    control: Control = Control.NEXT
    registers: list[tuple[Register, str]] = field(default_factory=list)
    memory: list[tuple[str, int, int, str]] = field(default_factory=list)  # base, displacement, size, access


_LETTERS = {"C": Flags.CF, "P": Flags.PF, "A": Flags.AF, "Z": Flags.ZF, "S": Flags.SF, "O": Flags.OF, "D": Flags.DF}
_MEMORY = re.compile(r"\+\[([^\]+-]+)(?:\+al)?([+-]\d+)?\](\d+):(\w)")
_STACK = [Register.named(f"st{n}") for n in range(8)]
_WHOLE_STATES = {
    "fxstate": [*_STACK, *(Register.named(f"xmm{n}") for n in range(16))],
    "xstate": [
        *_STACK, *(Register.named(f"{kind}{n}") for kind, count in (("zmm", 32), ("k", 8), ("tmm", 8)) for n in range(count))
    ],
}  # fmt: skip
_CONTROLS = {control.value: control for control in Control}

# With both sources the same register the result does not depend on it (sbb: on the carry alone).
_INDEPENDENT = re.compile(r"XOR|SUB|SBB|V?P?XOR(PS|PD)?|VPXOR[DQ]|V?PSUB[BWDQ]|V?PCMP(EQ|GT)[BWDQ]|KXN?OR[BWDQ]")
_BIT_STRINGS = frozenset(["BT", "BTC", "BTR", "BTS"])  # a bit number in a register reaches beyond the operand
_STRINGS = re.compile(r"(MOVS|STOS|LODS|CMPS|SCAS|INS|OUTS)[BWDQ]")


@cache
def _flags(letters: str) -> Flags:
    result = Flags(0)
    for letter in letters:
        result |= _LETTERS[letter]
    return result


@cache
def _implicit(effects: str) -> _Implicit:
    result = _Implicit()
    for word in effects.split():
        label, _, letters = word.partition(":")
        if label == "read":
            result.read = _flags(letters)
        elif label in ("write", "clear", "set"):
            result.written |= _flags(letters)
        elif label == "undef":
            result.undefined = _flags(letters)
        elif match := _MEMORY.match(word):
            result.memory.append((match[1], int(match[2] or 0), int(match[3]), match[4]))
        elif word[0] == "+":
            result.registers.append((Register.named(label[1:]), letters))
        elif word == "maybe":
            result.maybe = True
        elif word == "merge":
            result.merge = True
        elif word == "zx":
            result.zero_extend = True
        elif word == "{k}:x":
            result.clears_mask = True
        elif label in _WHOLE_STATES:
            result.registers += [(register, letters) for register in _WHOLE_STATES[label]]
        elif word == "x87":
            result.registers += [(register, "y") for register in _STACK]
        elif word in _CONTROLS:
            result.control = _CONTROLS[word]
    return result


def _group(register: Register, kind: str) -> list[Register]:
    """The registers that one operand names: two for `k+1`, four for `zmm+3`."""
    count = int(kind[-1]) + 1 if "+" in kind else 1
    return [register, *(Register.named(f"{register.kind}{register.number + n}") for n in range(1, count))]


def _is_high(operand: Operand) -> bool:
    """Whether one of r16 … r31 is in the operand."""
    operand = operand.operand if isinstance(operand, Masked) else operand
    return (
        operand.shape.high
        if isinstance(operand, Memory)
        else isinstance(operand, Register) and operand.shape[-1] == "+"
    )


def effects_of(form: Form, operands: tuple[Operand, ...], prefixes: tuple[str, ...]) -> Effects:
    """The effects of one form with these operands."""
    implicit = _implicit(form.effects)
    reads: set[Register] = set()
    writes: set[Register] = set()
    partial: set[Register] = set()
    memory_reads: list[Memory] = []
    memory_writes: list[Memory] = []
    wide = form.family != "legacy"
    narrow = "ADDR32" in prefixes

    def use(register: Register, access: str, merging: bool = False) -> None:
        if access in "rxy":
            reads.add(register)
        if access in "wxcy":
            kind = register.kind
            if kind == "r32" or (wide and kind in ("xmm", "ymm")) or (implicit.zero_extend and kind in ("r8", "r16")):
                register = register.whole
            writes.add(register)
            if access in "cy" or merging or register.kind in ("r8", "r8h", "r16"):
                partial.add(register)

    independent = (
        _INDEPENDENT.fullmatch(form.mnemonic) is not None and len(operands) in (2, 3) and operands[-1] is operands[-2]
    )
    for position, operand in enumerate(operands):
        if position >= len(form.access):
            break  # a rounding mode
        access, merging = form.access[position], False
        if isinstance(operand, Masked):
            use(operand.mask, "x" if implicit.clears_mask else "r")
            # Comparisons into a mask register clear what is masked out.
            merging = not operand.zeroing and not (
                isinstance(operand.operand, Register) and operand.operand.kind == "k"
            )
            operand = operand.operand
        if isinstance(operand, Register):
            if independent and position >= len(operands) - 2:
                access = "w" if access in "wxcy" else "-"
            elif implicit.merge and isinstance(operands[1], Register) and access == "w":
                merging = True
            for member in _group(operand, form.kinds[position]):
                use(member, access, merging)
        elif isinstance(operand, Memory):
            if form.mnemonic in _BIT_STRINGS and isinstance(operands[1], Register):
                operand = replace(operand, size=None)
            if access in "rxy":
                memory_reads.append(operand)
            if access in "wxcy":
                memory_writes.append(operand)
            if form.mnemonic != "NOP":
                for register in (operand.base, operand.index):
                    if register is not None and register.kind != "rip":
                        reads.add(register)

    repeated = ("REP" in prefixes or "REPNE" in prefixes) and _STRINGS.fullmatch(form.mnemonic) is not None
    addresses = {base for base, _, _, _ in implicit.memory} | {"rcx"}
    for register, access in implicit.registers:
        if narrow and register.name in addresses:
            register = register.resize(4)
        use(register, access, merging=repeated)
    if repeated:
        use(ecx if narrow else rcx, "x")
    for base, displacement, size, access in implicit.memory:
        register = operands[int(base[1:])] if base[0] == "#" else Register.named(base)  # type: ignore[assignment]
        if narrow and register is not None and base[0] != "#":
            register = register.resize(4)
        memory = Memory(base=register, displacement=displacement, size=None if repeated else size or None)
        if access in "rxy":
            memory_reads.append(memory)
        if access in "wxcy":
            memory_writes.append(memory)

    read, written, undefined = implicit.read, implicit.written, implicit.undefined
    if implicit.maybe:
        count = operands[-1]
        bits = 63 if form.w else 31
        if not isinstance(count, int):
            read |= written | undefined
        elif count & bits == 0:
            written = undefined = Flags(0)
    elif repeated:
        read |= written | undefined
    if "NF" in prefixes:
        read = written = undefined = Flags(0)
    features = form.features
    if "APX_F" not in features and any(map(_is_high, operands)):
        features = (*features, "APX_F")
    return Effects(
        frozenset(reads), frozenset(writes), frozenset(partial), read, written, undefined,
        tuple(memory_reads), tuple(memory_writes), implicit.control, features,
    )  # fmt: skip
