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
            if size or part.name == "hot" and 0 <= index < len(code.trace):
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
        target = instruction.near_branch_target
        name, remark = _place(code, target) or (_symbol(target), "") or (f"{target:#x}", "")
        return f"{mnemonic} {name or hex(target)}", _exit_remark(code, instruction) or remark
    if instruction.is_ip_rel_memory_operand:
        return text, _memory(instruction)
    if instruction.mnemonic == Mnemonic.MOV and instruction.op1_kind == OpKind.IMMEDIATE64:
        return text, _symbol(instruction.immediate(1))
    return text, ""


def _place(code: "Code", address: int) -> tuple[str, str] | None:
    """A place of this trace: `hot+001a`, and the micro-op that starts there."""
    for part in _parts(code):
        if part.start <= address < part.start + part.size or address == part.start + part.size and part.name == "hot":
            here = [index for index, start, size in part.micro_ops if start == address and (size or part.name == "hot")]
            return (
                f"{part.name}+{address - part.start:04x}",
                f"micro-op {here[-1]}" if here and part.name == "hot" else "",
            )
    return None


def _exit_remark(code: "Code", instruction: iced_x86.Instruction) -> str:
    """What leaving through this jump means, if it is the last of an exit stub."""
    if instruction.flow_control != FlowControl.UNCONDITIONAL_BRANCH or instruction.len != 5:
        return ""
    for ordinal in range(code.info.exit_count):
        exit = code.vm.library.sg_code_exit(code._pointer, ordinal)
        if exit.relative == instruction.ip + 1:
            index = "end" if exit.index == len(code.trace) else exit.index
            return f"exit {index}, linked" if exit.target else f"exit {index}"
    return ""


def _memory(instruction: iced_x86.Instruction) -> str:
    """What a rip-relative operand refers to: a symbol, a callee's slot, a constant."""
    address = instruction.ip_rel_memory_address
    if name := _symbol(address):
        return name
    if instruction.mnemonic == Mnemonic.LEA:
        return ""
    match instruction.memory_size:
        case MemorySize.QWORD_OFFSET | MemorySize.UINT64 | MemorySize.INT64:
            value = ctypes.c_uint64.from_address(address).value
            return _symbol(value) or f"{value:#x}"
        case MemorySize.FLOAT64:
            return repr(ctypes.c_double.from_address(address).value)
        case MemorySize.FLOAT32:
            return repr(struct.unpack("<f", ctypes.string_at(address, 4))[0])
        case MemorySize.UINT32 | MemorySize.INT32:
            return f"{ctypes.c_uint32.from_address(address).value:#x}"
        case _:
            return ""


class _DlInfo(ctypes.Structure):
    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


def _symbol(address: int) -> str:
    """The dynamic symbol that starts at this address or covers it; empty when there is none."""
    info = _DlInfo()
    dladdr = ctypes.CDLL(None).dladdr
    dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_DlInfo)]
    if address < 4096 or not dladdr(address, info) or not info.name:
        return ""
    offset = address - info.address
    return f"{info.name.decode(errors='replace')}{f'+{offset:#x}' if offset else ''}"
