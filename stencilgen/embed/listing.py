"""A compiled trace as text: which bytes, which instructions, for which micro-op.

    ── hot: 21 bytes at 0x7f51c0e00000 ─────────────────────────────────
      0 PUSH number=2.0
        0000  f2 41 0f 11 45 00             movsd [r13], xmm0
        0006  49 83 c5 08                   add r13, 8
        000a  f2 0f 10 05 ee ff 1f 00       movsd xmm0, [rip+0x1fffee]                ; 2.0
    ── cold: 12 bytes at 0x7f51c0f00040 ────────────────────────────────

Positions count from the start of their part, so that listings of two runs can be compared.
"""

import ctypes
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import iced_x86
from iced_x86 import Decoder, FlowControl, Formatter, FormatterSyntax, MemorySize, Mnemonic, OpKind

if TYPE_CHECKING:
    from stencilgen.embed.vm import Code

__all__ = ["Line", "disassemble", "listing"]

WIDTH = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction: the position in its part, its bytes, Intel syntax, and what a person wants to know about it."""

    offset: int
    code: bytes
    text: str
    remark: str

    def __str__(self) -> str:
        text = f"{self.offset:04x}  {self.code.hex(' '):<30}{self.text}"
        return f"{text:<76}  ; {self.remark}" if self.remark else text


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    start: int
    size: int
    micro_ops: tuple[tuple[int, int, int], ...]
    """(micro-op's index, address, bytes); index -1 is the trace's entry."""


def listing(code: "Code") -> str:
    """The whole trace, hot part first."""
    lines = []
    for part in _parts(code):
        ruler = f"── {part.name}: {part.size} bytes at {part.start:#x} "
        lines.append(ruler.ljust(WIDTH, "─"))
        for index, start, size in part.micro_ops:
            if size or (part.name == "hot" and 0 <= index < len(code.trace)):
                lines.append(_head(code, index))
            lines += [f"    {line}" for line in _lines(code, start, size, part.start)]
    return "\n".join(lines) + "\n"


def disassemble(code: "Code", index: int) -> tuple[list[Line], list[Line]]:
    """The instructions of one micro-op, hot and cold."""
    extent = code.extent(index)
    return (
        list(_lines(code, extent.hot, extent.hot_size, extent.hot)),
        list(_lines(code, extent.cold, extent.cold_size, extent.cold)),
    )


def _head(code: "Code", index: int) -> str:
    if index < 0:
        return "    entry"
    return f"{index:>3} {code.trace[index]}" if index < len(code.trace) else "    end"


def _parts(code: "Code") -> Iterator[_Part]:
    info, length = code.info, len(code.trace)
    extents = [code.extent(index) for index in range(length + 1)]
    entry = (extents[0].hot or 0) - (info.hot or 0)
    hot = [(-1, info.hot, entry)] + [(i, extent.hot, extent.hot_size) for i, extent in enumerate(extents)]
    yield _Part("hot", info.hot, info.hot_size, tuple(hot))
    cold = [(i, extent.cold, extent.cold_size) for i, extent in enumerate(extents)]
    yield _Part("cold", info.cold, info.cold_size, tuple(cold))


def _formatter() -> Formatter:
    formatter = Formatter(FormatterSyntax.INTEL)
    formatter.hex_prefix, formatter.hex_suffix = "0x", ""
    formatter.uppercase_hex = False
    formatter.space_after_operand_separator = True
    formatter.rip_relative_addresses = True
    formatter.signed_immediate_operands = True
    return formatter


_FORMATTER = _formatter()


def _lines(code: "Code", start: int, size: int, origin: int) -> Iterator[Line]:
    content = ctypes.string_at(start, size)
    for instruction in Decoder(64, content, ip=start):
        offset = instruction.ip - start
        text, remark = _describe(code, instruction)
        yield Line(instruction.ip - origin, content[offset : offset + instruction.len], text, remark)


def _describe(code: "Code", instruction: iced_x86.Instruction) -> tuple[str, str]:
    """Text and remark. A jump's text names its target, since the distance between hot and cold code says nothing."""
    text = _FORMATTER.format(instruction)
    if instruction.op0_kind == OpKind.NEAR_BRANCH64:
        mnemonic = _FORMATTER.format_mnemonic(instruction)
        target, remark = _exit(code, instruction) or _target(code, instruction.near_branch_target)
        return f"{mnemonic} {target}", remark
    if instruction.is_ip_rel_memory_operand:
        return text, _memory(code, instruction)
    if instruction.mnemonic == Mnemonic.MOV and instruction.op1_kind == OpKind.IMMEDIATE64:
        return text, code.vm.symbol(instruction.immediate(1))
    return text, ""


def _target(code: "Code", address: int) -> tuple[str, str]:
    """A place in this trace (`hot+001a`, and the micro-op that starts there), a function, or an address."""
    for part in _parts(code):
        is_hot = part.name == "hot"
        if part.start <= address < part.start + part.size + is_hot:
            here = [index for index, start, _ in part.micro_ops if start == address and index >= 0] if is_hot else []
            return f"{part.name}+{address - part.start:04x}", _head(code, here[-1]).strip() if here else ""
    return code.vm.symbol(address) or f"{address:#x}", ""


def _exit(code: "Code", instruction: iced_x86.Instruction) -> tuple[str, str] | None:
    """Where an exit stub goes, if this is its jump: out of the trace, or into the one that the exit is linked to."""
    if instruction.flow_control == FlowControl.UNCONDITIONAL_BRANCH and instruction.len == 5:
        for exit in code.exits():
            if exit.relative == instruction.ip + 1:
                end = exit.index == len(code.trace)
                where = "the end of the trace" if end else f"side exit of micro-op {exit.index}"
                return ("linked trace", where) if exit.target else ("exit", where)
    return None


def _memory(code: "Code", instruction: iced_x86.Instruction) -> str:
    """What a rip-relative operand refers to: a symbol, a callee's slot, a constant."""
    address = instruction.ip_rel_memory_address
    if name := code.vm.symbol(address):
        return name
    if instruction.mnemonic == Mnemonic.LEA:
        return ""
    match instruction.memory_size:
        case MemorySize.QWORD_OFFSET | MemorySize.UINT64 | MemorySize.INT64:
            value = ctypes.c_uint64.from_address(address).value
            return code.vm.symbol(value) or f"{value:#x}"
        case MemorySize.FLOAT64:
            return repr(ctypes.c_double.from_address(address).value)
        case MemorySize.FLOAT32:
            return repr(struct.unpack("<f", ctypes.string_at(address, 4))[0])
        case MemorySize.UINT32 | MemorySize.INT32:
            return f"{ctypes.c_uint32.from_address(address).value:#x}"
        case _:
            return ""
