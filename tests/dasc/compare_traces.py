"""One trace through two back ends: is it the same code, and where not, in what way?

Places differ, since each library lies elsewhere; so an address is what it leads to: an instruction of the trace, a
function or object by name, or the data there. Everything else has to be equal byte for byte, but for

    branch     the same jump with a distance of another width, or left out where it leads to what follows anyway
    encoding   the same instruction in fewer bytes
    constant   another instruction that puts the same constant into the same register, in no more bytes
    test       of a byte instead of a wider operand, by a mask of at most 7 bits: the flags are the same
    nothing    no instruction, where for these values it changes neither register nor flag: `lea rcx, [rcx+0]`

Exit stubs are the runtime's and the embedder's; jumps to them are compared. `encoding` and
`constant` are checked by two decoders: iced-x86 and GNU objdump.
"""

import bisect
import ctypes
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from iced_x86 import (
    Code,
    Decoder,
    FlowControl,
    Formatter,
    FormatterSyntax,
    Instruction,
    Mnemonic,
    OpKind,
    Register,
    RegisterExt,
)

from bench.emission.library import Emitted

__all__ = ["Differences", "compare", "disassemble"]

_FORMATTER = Formatter(FormatterSyntax.NASM)


@dataclass(slots=True)
class Differences:
    """How often each kind was met; `pairs`: bytes of both sides that have to decode alike. unequal: in words."""

    kinds: Counter[str] = field(default_factory=Counter)
    instructions: int = 0
    shorter: int = 0
    """Bytes that ours are fewer."""
    pairs: set[tuple[bytes, bytes]] = field(default_factory=set)
    unequal: list[str] = field(default_factory=list)
    shifts: set[int] = field(default_factory=set)
    """How far apart the constants of both sides lie, from those which hold addresses: one distance, or none was met."""

    def differently_decoded(self) -> list[str]:
        """Pairs that objdump does not read as the same instruction; iced-x86 did already."""
        pairs = sorted(self.pairs)
        texts = disassemble([code for pair in pairs for code in pair])
        found = zip(pairs, texts[::2], texts[1::2], strict=True)
        return [f"{a.hex()} {x} | {b.hex()} {y}" for (a, b), x, y in found if x != y]


@dataclass(frozen=True, slots=True)
class _One:
    """An instruction as it is compared. target: what a jump or an address of it leads to."""

    instruction: Instruction
    code: bytes
    masked: bytes
    """The code with the bytes of a relative field zero."""
    target: object
    constant: tuple[Register, object] | None
    """The register that it does nothing but load, and the 64 bits that it then holds; of an address, what is there."""
    loads: int = 0
    """These bits."""


def compare(ours: Emitted, theirs: Emitted, name_at: Sequence[Callable[[int], str | None]], into: Differences) -> None:
    """Compare two ways to emit one trace; name_at: the names of addresses, for each of them."""
    sides = [_Side(emitted, names) for emitted, names in zip((ours, theirs), name_at, strict=True)]
    for section in (0, 1):
        streams = [side.canonical(section) for side in sides]
        if len(streams[0]) != len(streams[1]):
            into.unequal.append(f"{len(streams[0])} and {len(streams[1])} instructions")
        into.kinds["branch"] += abs(sides[0].left_out[section] - sides[1].left_out[section])
        into.kinds["nothing"] += abs(sides[0].idle[section] - sides[1].idle[section])
        for mine, other in zip(*streams, strict=False):
            into.instructions += 1
            into.shorter += len(other.code) - len(mine.code)
            kind = _difference(mine, other, into.shifts)
            if kind is None:
                into.unequal.append(f"{mine.instruction} {mine.target} | {other.instruction} {other.target}")
            elif kind:
                into.kinds[kind] += 1
                if kind == "encoding":
                    into.pairs.add((mine.code, other.code))


class _Side:
    """One way's code, taken apart. What follows the last micro-op's cold code is the runtime's."""

    def __init__(self, emitted: Emitted, name_at: Callable[[int], str | None]) -> None:
        self._name_at = name_at
        cold = emitted.cold[: emitted.places[-1][1]]
        self._sections = ((emitted.hot_address, emitted.hot), (emitted.cold_address, cold))
        self._decoded: list[list[Instruction]] = []
        self._stubs: dict[int, int] = {}  # address to micro-op
        self.left_out = [0, 0]
        self.idle = [0, 0]
        last = len(emitted.places) - 1
        ops_at = (
            {emitted.hot_address + emitted.places[last][0]: last},
            {emitted.cold_address + cold: index for index, (_, cold) in enumerate(emitted.places[:last])},
        )
        for section, (address, code) in enumerate(self._sections):
            decoded = [i for i in Decoder(64, code, ip=address) if i.code != Code.NOPD]
            for place in range(len(decoded)):
                index = ops_at[section].get(decoded[place].ip)
                if index is not None and (stub := self._stub(decoded[place : place + 2])):
                    self._stubs |= dict.fromkeys((i.ip for i in stub), index)
            busy = [i for i in decoded if not _does_nothing(i)]
            self.idle[section] = len(decoded) - len(busy)
            kept = [i for i in busy if i.ip not in self._stubs]
            needed = [i for i in kept if not (_is_jump(i) and i.near_branch_target == i.next_ip)]
            self.left_out[section] = len(kept) - len(needed)
            self._decoded.append(needed)
        self._starts = [[i.ip for i in decoded] for decoded in self._decoded]

    def _stub(self, found: list[Instruction]) -> list[Instruction]:
        """`found` if it is an exit stub: load the exit's ordinal, jump out of the trace."""
        ordinal = found[0].code == Code.MOV_R8_IMM8 and found[0].op0_register == Register.BL
        return found if ordinal and len(found) == 2 and _is_jump(found[1]) else []

    def canonical(self, section: int) -> list[_One]:
        """Without exit stubs and padding, and without jumps to where control goes anyway."""
        address, code = self._sections[section]
        return [self._one(i, code[i.ip - address : i.ip - address + i.len]) for i in self._decoded[section]]

    def _one(self, instruction: Instruction, code: bytes) -> _One:
        offsets = Decoder(64, code, ip=instruction.ip)
        where = offsets.get_constant_offsets(offsets.decode())
        if instruction.flow_control in _BRANCHES and instruction.op0_kind == OpKind.NEAR_BRANCH64:
            start, size = where.immediate_offset, where.immediate_size
            target = self._place(instruction.near_branch_target)
        elif instruction.is_ip_rel_memory_operand:
            start, size = where.displacement_offset, where.displacement_size
            target = self._place(instruction.ip_rel_memory_address)
        else:
            return _One(instruction, code, code, None, *self._constant(instruction))
        masked = code[:start] + bytes(size) + code[start + size :]
        return _One(instruction, code, masked, target, *self._constant(instruction))

    def _constant(self, instruction: Instruction) -> tuple[tuple[Register, object] | None, int]:
        loaded = _constant(instruction)
        if loaded is None:
            return None, 0
        register, bits = loaded
        return (register, self._name_at(bits) or _content(bits) or bits), bits

    def _place(self, address: int) -> object:
        if address in self._stubs:
            return "exit", self._stubs[address]
        ends = [(section, start + len(code)) for section, (start, code) in enumerate(self._sections)]
        inside = [section for section, end in ends if self._sections[section][0] <= address < end]
        for section in inside or [section for section, end in ends if address == end]:
            return section, bisect.bisect_left(self._starts[section], address)
        return self._name_at(address) or _content(address)


@cache
def _content(address: int) -> bytes | None:
    """Eight bytes at an address of this process; None when nothing is there."""
    for line in Path("/proc/self/maps").read_text().splitlines() if address >= 1 << 32 else ():
        first, last, permissions = re.split(r"[- ]", line, maxsplit=3)[:3]
        if int(first, 16) <= address <= int(last, 16) - 8 and permissions.startswith("r"):
            return ctypes.string_at(address, 8)
    return None


_BRANCHES = (FlowControl.UNCONDITIONAL_BRANCH, FlowControl.CONDITIONAL_BRANCH, FlowControl.CALL)


def _is_jump(instruction: Instruction) -> bool:
    return instruction.mnemonic == Mnemonic.JMP and instruction.op0_kind == OpKind.NEAR_BRANCH64


_SHIFTS = (Mnemonic.SHL, Mnemonic.SHR, Mnemonic.SAR, Mnemonic.ROL, Mnemonic.ROR)


def _does_nothing(i: Instruction) -> bool:
    """`lea r, [r+0]` and a shift by 0, of 64 bits: they leave register and flags as they are."""
    if i.code == Code.LEA_R64_M:
        return i.op0_register == i.memory_base and i.memory_index == Register.NONE and i.memory_displacement == 0
    register = i.op_count == 2 and i.op0_kind == OpKind.REGISTER and RegisterExt.size(i.op0_register) == 8
    return i.mnemonic in _SHIFTS and register and i.op1_kind == OpKind.IMMEDIATE8 and i.immediate8 == 0


def _difference(mine: _One, other: _One, shifts: set[int]) -> str | None:
    """The kind of difference; empty: none; None: not the same. What holds addresses itself, and therefore differs, must
    lie at one and the same distance everywhere: that goes to `shifts`.
    """
    if mine.masked == other.masked and mine.target == other.target:
        return ""
    a, b = mine.instruction, other.instruction
    if a.mnemonic == b.mnemonic and a.flow_control in _BRANCHES and a.op0_kind == b.op0_kind == OpKind.NEAR_BRANCH64:
        return "branch" if mine.target == other.target else None
    if len(mine.code) > len(other.code):
        return None
    loaded, wanted = mine.constant, other.constant
    if loaded is not None and wanted is not None and loaded[0] == wanted[0]:
        places = isinstance(loaded[1], bytes) and isinstance(wanted[1], bytes)
        if places and loaded[1] != wanted[1]:
            shifts.add(mine.loads - other.loads)
        if places or loaded[1] == wanted[1]:
            return "" if a.code == b.code and len(mine.code) == len(other.code) else "constant"
    if _tests_low_byte(a, b) and mine.target == other.target:
        return "test"
    same = _twice(_FORMATTER.format(a)) == _twice(_FORMATTER.format(b)) and mine.target == other.target
    return "encoding" if same else None


def _tests_low_byte(narrow: Instruction, wide: Instruction) -> bool:
    """`test byte [rax], 5` and `test qword [rax], 5`; `test cl, 5` and `test rcx, 5`."""
    if not (narrow.mnemonic == wide.mnemonic == Mnemonic.TEST and narrow.op0_kind == wide.op0_kind):
        return False
    if narrow.op1_kind != OpKind.IMMEDIATE8 or wide.op1_kind == OpKind.REGISTER:
        return False
    if narrow.immediate(1) != wide.immediate(1) or narrow.immediate(1) > 127:
        return False
    if narrow.op0_kind == OpKind.MEMORY:
        return _FORMATTER.format(narrow).split("[")[1] == _FORMATTER.format(wide).split("[")[1]
    low = narrow.op0_register not in (Register.AH, Register.BH, Register.CH, Register.DH)
    return low and RegisterExt.full_register(narrow.op0_register) == RegisterExt.full_register(wide.op0_register)


def _twice(text: str) -> str:
    """`[rax*2+1]` and `[rax+rax+1]` are one address, in text of either decoder."""
    return re.sub(r"\[(\w+)\*2(?=[]+-])", r"[\1+\1", text.replace("*1", ""))


def _constant(i: Instruction) -> tuple[Register, int] | None:
    """The whole register that an instruction does nothing but load, and the 64 bits that it then holds."""
    if i.op_count != 2 or i.op0_kind != OpKind.REGISTER:
        return None
    register = i.op0_register
    wide = _WHOLE.get(register, register)
    match i.mnemonic, i.op1_kind:
        case Mnemonic.XOR, OpKind.REGISTER if i.op1_register == register and register in _WHOLE:
            return wide, 0
        case Mnemonic.MOV, OpKind.IMMEDIATE32 | OpKind.IMMEDIATE64 | OpKind.IMMEDIATE32TO64 if (
            register in _WHOLE or register in _WHOLE.values()
        ):
            bits = 32 if register in _WHOLE else 64
            return wide, i.immediate(1) & (1 << bits) - 1
        case Mnemonic.LEA, OpKind.MEMORY if i.is_ip_rel_memory_operand:
            return wide, i.ip_rel_memory_address
    return None


_WHOLE: dict[int, int] = {getattr(Register, f"R{n}D"): getattr(Register, f"R{n}") for n in range(8, 16)} | {
    getattr(Register, f"E{name}"): getattr(Register, f"R{name}")
    for name in ("AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI")
}


_LISTED = re.compile(r"^\s*([0-9a-f]+):\t(?:rex\S* )?(.*)$", re.MULTILINE)


def disassemble(codes: Sequence[bytes]) -> list[str]:
    """What objdump reads in each; without the zero that a wider displacement shows as."""
    return list(_disassembled(codes)) if codes else []


def _disassembled(codes: Sequence[bytes]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(code + b"\x90" * 16 for code in codes))  # so that none can swallow the next
        file.flush()
        command = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn", "-w"]
        output = subprocess.run([*command, file.name], capture_output=True, text=True, check=True).stdout
    texts = {int(address, 16): text.strip() for address, text in _LISTED.findall(output)}
    address = 0
    for code in codes:
        yield _twice(texts[address].replace("+0x0]", "]"))
        address += len(code) + 16
