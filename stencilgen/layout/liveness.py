"""Which registers and flags are still needed after an instruction.

The key idea: a set of machine state is one Python int. Each general register has four bits, one for each part that
x86-64 instructions can write by itself, so a partial write (`mov al, 1`) and a zero-extending one (`mov eax, 1`)
differ only in their masks, and the whole backward dataflow analysis is `live = live & ~overwrites | reads`.

    bits   0–63    rax (al, ah, bits 16–31, bits 32–63), rcx, rdx, …: four bits a register, by its number
    bits  64–69    the flags CF PF AF ZF SF OF
    bits  70–101   xmm0–xmm31: the low 128 bits
    bits 102–133   what ymm and zmm have above them
    bit  134       everything else (x87, mask and segment registers, the direction flag): always live

What is live at the end of a block is what its successors need. At the boundaries (NEXT, EXIT, a label hole, a tail
call) the machine state is; after `ret` only the result; after a call that does not return, nothing. rsp and rbp are
always live.

Everything errs towards "live": an instruction counts as overwriting a part only if it does so always and entirely.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from dasc import EXIT, NEXT, LabelHole
from stencilgen.layout.blocks import successors
from stencilgen.layout.code import Back, Block, Branch, Code, Convention, Jump, Return, TailCall, Target, Unreachable
from x86_64 import REGISTERS, Address, Control, Flags, Instruction, Label, Memory, Register, rax, rbp, rsp

__all__ = [
    "ALL_FLAGS",
    "CONDITIONS",
    "Liveness",
    "Usage",
    "backward",
    "describe",
    "flags_mask",
    "memory_mask",
    "parts",
    "usage_of",
]

_FLAGS, _XMM, _ABOVE_XMM, _OTHER = 64, 70, 102, 1 << 134
EVERYTHING = (_OTHER << 1) - 1

_FLAG_BITS = {Flags.CF: 0, Flags.PF: 1, Flags.AF: 2, Flags.ZF: 3, Flags.SF: 4, Flags.OF: 5}
_GENERAL_PARTS = {"r8": 0b0001, "r16": 0b0011, "r32": 0b0111, "r64": 0b1111}


@cache  # there are some 300 registers
def parts(register: Register) -> int:
    """The parts that a register consists of, as a mask."""
    if register.kind in _GENERAL_PARTS:
        return _GENERAL_PARTS[register.kind] << 4 * register.number
    match register.kind:
        case "r8h":
            return 0b0010 << 4 * register.whole.number
        case "xmm":
            return 1 << _XMM + register.number
        case "ymm" | "zmm":
            return (1 << _XMM | 1 << _ABOVE_XMM) << register.number
        case "rip":
            return 0
    return _OTHER


@cache  # 128 combinations at most
def flags_mask(flags: Flags) -> int:
    """Flags as a mask; the direction flag counts as "everything else"."""
    mask = _OTHER if Flags.DF in flags else 0
    for flag, bit in _FLAG_BITS.items():
        if flag in flags:
            mask |= 1 << _FLAGS + bit
    return mask


ALL_FLAGS = 0b111111 << _FLAGS
_ALWAYS = parts(rsp) | parts(rbp) | _OTHER
_NEVER_KEPT = EVERYTHING & ~((1 << _XMM + 16) - 1)
"""What no calling convention preserves: xmm16 and above, the upper parts of vector registers, and all the rest."""
_STATE_PARTS = EVERYTHING & ~((1 << 32) - 1 << _ABOVE_XMM) & ~ALL_FLAGS
"""The machine state has at most the low 128 bits of a vector register, and no flags."""


def _registers_mask(registers: Iterable[Register]) -> int:
    mask = 0
    for register in registers:
        mask |= parts(register)
    return mask


def memory_mask(memory: Memory) -> int:
    """The registers that make an address."""
    return _registers_mask(register for register in (memory.base, memory.index) if register is not None)


@dataclass(frozen=True, slots=True)
class Usage:
    """What one instruction does to the machine state, as masks, and to memory.

    reads: parts whose old value matters; overwrites: parts that surely lose their old value; changes: parts that may
    lose it. straight: control always goes on with the next instruction, and no other code runs in between.
    """

    reads: int
    overwrites: int
    changes: int
    loads: bool = False
    stores: bool = False
    straight: bool = True


@lru_cache(maxsize=1 << 16)
def usage_of(instruction: Instruction) -> Usage:
    """What an instruction does by itself; for a call see `Liveness`, which knows its callee's convention."""
    effects = instruction.effects
    overwrites = changes = flags_mask(effects.flags_written | effects.flags_undefined)
    for register in effects.writes:
        changes |= parts(register)
        overwrites |= _overwritten(register, instruction, register in effects.partial_writes)
    return Usage(
        _registers_mask(_read(instruction)) | flags_mask(effects.flags_read),
        overwrites & ~_ALWAYS,
        changes,
        bool(effects.memory_reads),
        bool(effects.memory_writes),
        effects.control is Control.NEXT,
    )


def _read(instruction: Instruction) -> Iterable[Register]:
    """The registers whose value matters. The low bits of a sum depend on those of its parts: `lea eax, [rbx+8]` reads ebx."""
    match instruction:
        case Instruction("LEA", (Register(size=size), _)) if size in (2, 4):
            return [register.resize(size) for register in instruction.effects.reads if register.kind in ("r32", "r64")]
    return instruction.effects.reads


def _overwritten(register: Register, instruction: Instruction, partial: bool) -> int:
    """The parts of a written register that surely lose their old value."""
    if register.kind in ("r8", "r8h", "r16"):
        # always partial as seen from the whole register; from the part itself only where it may not be written at all
        partial = instruction.mnemonic in MAY_NOT_WRITE or bool(instruction.prefixes)
    return 0 if partial else parts(register)


CONDITIONS = ("O", "NO", "B", "AE", "E", "NE", "BE", "A", "S", "NS", "P", "NP", "L", "GE", "LE", "G")
"""What setcc, cmovcc and jcc can test: the end of their mnemonics."""

MAY_NOT_WRITE = frozenset({"BSF", "BSR", "LAR", "LSL", *("CMOV" + condition for condition in CONDITIONS)})
"""Instructions whose destination may keep its old value."""


@lru_cache(maxsize=256)
def _branch_usage(mnemonic: str) -> Usage:
    return usage_of(Instruction(mnemonic, (Label("target"),)))


class Liveness:
    """What is live in `code`: at the start and end of each block, and after each instruction.

    Raises ValueError for a jump to a block that does not exist.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        self._boundary = _registers_mask(code.live_out) & _STATE_PARTS | _ALWAYS
        self.usages: dict[str, list[Usage]] = {block.name: self._usages(block) for block in code.blocks}
        """Per block, of each instruction; calls with what their callee does."""
        self.following = {block.name: successors(block.end) for block in code.blocks}
        """Per block, the blocks where control may go on."""
        self.live_in: dict[str, int] = dict.fromkeys(self.usages, 0)
        """Per block, what is live at its start."""
        self.live_out: dict[str, int] = {}
        """Per block, what is live after its last instruction (its end's own reads included)."""
        self._solve()

    def live_after(self, block: str) -> list[int]:
        """What is live after each of the block's instructions."""
        return backward(self.usages[block], self.live_out[block])

    def _usages(self, block: Block) -> list[Usage]:
        return [usage if (usage := usage_of(i)).straight else self._elsewhere(i, usage) for i in block.instructions]

    def _elsewhere(self, instruction: Instruction, usage: Usage) -> Usage:
        """A call within a block reads its arguments, and what its convention does not preserve is lost."""
        if instruction.effects.control is Control.TRAP:
            return usage
        if instruction.mnemonic != "CALL":  # int, syscall
            return Usage(EVERYTHING, 0, EVERYTHING, loads=True, stores=True, straight=False)
        convention = self._convention(instruction)
        lost = (_registers_mask(convention.clobbers) | ALL_FLAGS) & ~_ALWAYS
        return Usage(
            _registers_mask(convention.reads) | usage.reads,
            lost,
            EVERYTHING if convention is self._code.indirect else lost | _NEVER_KEPT,
            loads=True,
            stores=True,
            straight=False,
        )

    def _convention(self, transfer: Instruction) -> Convention:
        """What the callee of a call, or the goal of a tail call, reads and destroys."""
        callee = transfer.operands[0]
        known = self._code.conventions.get(callee.name) if isinstance(callee, Address) else None
        return known or self._code.indirect

    def _solve(self) -> None:
        """Backward dataflow to the least fixed point, each block summed up as live-in = gain | live-out & ~loss."""
        summaries: list[tuple[Block, int, int]] = []
        for block in reversed(self._code.blocks):
            gain = loss = 0
            for usage in reversed(self.usages[block.name]):
                gain = gain & ~usage.overwrites | usage.reads
                loss |= usage.overwrites
            summaries.append((block, gain, ~loss))
        changed = True
        while changed:
            changed = False
            for block, gain, kept in summaries:
                out = self._at_end(block)
                self.live_out[block.name] = out
                live = gain | out & kept
                if live != self.live_in[block.name]:
                    self.live_in[block.name] = live
                    changed = True

    def _at_end(self, block: Block) -> int:
        match block.end:
            case Jump(target):
                return self._at(target)
            case Branch(mnemonic, target, otherwise):
                usage = _branch_usage(mnemonic)
                return (self._at(target) | self._at(otherwise)) & ~usage.overwrites | usage.reads
            case Return():
                return parts(rax) | _ALWAYS
            case TailCall(jump):
                # to a function that takes the state, or (LLVM's own idea) to any other, which takes arguments
                return self._boundary | usage_of(jump).reads | _registers_mask(self._convention(jump).reads)
            case Unreachable():
                return _ALWAYS
            case Back():
                return EVERYTHING  # whatever the place needs that it was called from

    def _at(self, target: Target) -> int:
        if isinstance(target, LabelHole) or target in (NEXT, EXIT):
            return self._boundary
        try:
            return self.live_in[target.name]
        except KeyError:
            raise ValueError(f"stencil {self._code.name} jumps to {target.name}, which is none of its blocks") from None


def backward(usages: Sequence[Usage], live_out: int) -> list[int]:
    """What is live after each instruction of a straight line, from what is live at its end."""
    live, result = live_out, [0] * len(usages)
    for position in range(len(usages) - 1, -1, -1):
        result[position] = live
        usage = usages[position]
        live = live & ~usage.overwrites | usage.reads
    return result


def describe(mask: int) -> str:
    """A mask for people: "al rcx ZF xmm0"."""
    names: list[str] = []
    for number in range(16):
        held = mask >> 4 * number & 0b1111
        if held:
            names.append(_name(number, held))
    names += [flag.name or "" for flag, bit in _FLAG_BITS.items() if mask >> _FLAGS + bit & 1]
    for number in range(32):
        low, above = mask >> _XMM + number & 1, mask >> _ABOVE_XMM + number & 1
        names += [f"{'zmm' if above else 'xmm'}{number}"] if low or above else []
    return " ".join(names)


def _name(number: int, held: int) -> str:
    """The smallest register that has all the parts in `held`, or ah … bh alone."""
    if held == 0b0010 and number < 4:
        return _WHOLE[number].name[1] + "h"
    size = 8 if held & 0b1000 else 4 if held & 0b0100 else 2 if held & 0b0010 else 1
    return _WHOLE[number].resize(size).name


_WHOLE = [register for register in REGISTERS if register.kind == "r64"]
