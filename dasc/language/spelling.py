"""Instructions that DynASM spells in its own way, respelt as the processor's manuals do.

    fadd st1            FADD st0, st1        movd xmm0, rax       MOVQ xmm0, rax
    fadd st0, dword m   FADD dword m         imul eax, 5          IMUL eax, eax, 5
    fpop                FSTP st0             vsqrtsd xmm1, xmm2   VSQRTSD xmm1, xmm0, xmm2

In 32-bit code the stack and branches work on 32 bits; their instructions are encoded as those of 64 bits are in 64-bit
code, and so are addresses.
"""

from dataclasses import dataclass, replace

from dasc.language.operands import Imm, Mem, Operand
from dasc.language.registers import Reg
from x86_64 import OperandError

__all__ = ["OWN_NAMES", "PREFIXES", "Spelled", "respell"]

PREFIXES = {
    "es": 0x26, "cs": 0x2E, "ss": 0x36, "ds": 0x3E, "fs": 0x64, "gs": 0x65, "o16": 0x66, "a16": 0x67, "a32": 0x67,
    "lock": 0xF0, "rep": 0xF3, "repe": 0xF3, "repz": 0xF3, "repne": 0xF2, "repnz": 0xF2, "notrack": 0x3E,
}  # fmt: skip
"""Statements of their own that are prefixes of the next one."""

_NAMES = {
    "PUSHF": "PUSHFQ", "POPF": "POPFQ", "PUSHFD": "PUSHFQ", "POPFD": "POPFQ", "VPTESTPS": "VTESTPS", "VPTESTPD": "VTESTPD",
}  # fmt: skip
OWN_NAMES = {*(name.lower() for name in _NAMES), "fpop", "mov64"}
"""Instructions that only DynASM calls so."""
_ON_ST0 = {f"F{name}" for name in ["ADD", "MUL", "SUB", "SUBR", "DIV", "DIVR", "COMI", "COMIP", "UCOMI", "UCOMIP"]} | {
    f"FCMOV{condition}" for condition in ["B", "E", "BE", "U", "NB", "NE", "NBE", "NU"]
}
"""x87 instructions that work on st0 and one more register, which may be written alone."""
_POPPING = {f"F{name}P" for name in ["ADD", "MUL", "SUB", "SUBR", "DIV", "DIVR"]}
_ONE_OPERAND = {"FXCH", "FUCOM", "FUCOMP", "FCOM", "FCOMP"}
_THROUGH_THE_STACK = {"PUSH", "POP", "CALL", "JMP"}
_XMM_COUNT = {f"VP{name}" for name in ["SLLW", "SLLD", "SLLQ", "SRAW", "SRAD", "SRLW", "SRLD", "SRLQ"]}
"""Shifts whose count is in an xmm register, or 128 bits of memory, however wide the rest is."""
_ST0 = Reg("st0", "st", 0)


@dataclass(frozen=True, slots=True)
class Spelled:
    """wide, narrow: of the instruction's forms only those on 64-bit, 16-bit operands are meant."""

    mnemonic: str
    operands: tuple[Operand, ...]
    wide: bool = False
    narrow: bool = False


def respell(name: str, operands: tuple[Operand, ...], x64: bool) -> Spelled:
    """The instruction as the table of instructions has it. Raises `OperandError`."""
    mnemonic = _NAMES.get(name.upper(), name.upper())
    if mnemonic == "FPOP" and not operands:
        return Spelled("FSTP", (_ST0,))
    match mnemonic, operands:
        case _, (Reg(kind="st") as register,) if mnemonic in _ON_ST0:
            return Spelled(mnemonic, (_ST0, register))
        case _, (Reg(kind="st") as register,) if mnemonic in _POPPING:
            return Spelled(mnemonic, (register, _ST0))
        case _, (Reg(kind="st", number=0, expression=None), Mem() as memory) if mnemonic[0] == "F":
            return Spelled(mnemonic, (memory,))
        case _, (Reg(kind="st") as first, Reg(kind="st") as second) if mnemonic in _ONE_OPERAND:
            if first.number == 0 and first.expression is None:
                return Spelled(mnemonic, (second,))
            if second.number == 0 and second.expression is None and mnemonic == "FXCH":
                return Spelled(mnemonic, (first,))
        case "FXCH", ():
            return Spelled("FXCH", (replace(_ST0, name="st1", number=1),))
        case "IMUL", (Reg() as register, Imm() as immediate):
            return Spelled(mnemonic, (register, register, immediate))
        case "MOVD" | "VMOVD", (first, second) if 8 in (_bytes(first), _bytes(second)):
            return Spelled(mnemonic.replace("VMOVD", "VMOVQ").replace("MOVD", "MOVQ"), operands, True)
        case "FXSAVE" | "FXRSTOR", (Mem(size=8) as memory,):
            return Spelled(mnemonic + "64", (replace(memory, size=None),))
        case (("FLDENV" | "FSTENV" | "FNSTENV" | "FXSAVE" | "FXRSTOR"), (Mem(size=1),)):
            raise OperandError(f"{mnemonic}: what it works on is wider than a byte")
        case "FXSAVE" | "FXRSTOR", (Mem(size=2),):
            raise OperandError(f"{mnemonic}: it has no 16-bit form")
        case "FLDENV" | "FSTENV" | "FNSTENV", (Mem(size=2),):
            return Spelled(mnemonic, operands, narrow=True)
        case "CLFLUSH" | "MOVDDUP" | "RSQRTSS", (*others, Mem(size=(4 | 8 | 16)) as memory):
            return Spelled(mnemonic, (*others, replace(memory, size=None)))
        case "VCVTPD2DQ" | "VCVTTPD2DQ" | "VCVTPD2PS", (Reg(kind="ymm") as register, second) if _is_ymm(second):
            return Spelled(
                mnemonic, (_as_xmm(register), replace(second, size=32) if isinstance(second, Mem) else second)
            )
        case _, (*others, Reg(kind="ymm") | Mem() as last) if mnemonic in _XMM_COUNT and _is_ymm(others[0]):
            return Spelled(mnemonic, (*others, _as_xmm(last)))
        case _, (Reg(kind="ymm") as first, Reg(kind="ymm") as second) if mnemonic[:6] in ("VPMOVS", "VPMOVZ"):
            return Spelled(mnemonic, (first, _as_xmm(second)))
        case "XCHG", (Reg() as first, Reg() as second):  # either way is right; this is DynASM's
            return Spelled(mnemonic, (second, first))
        case "VSQRTSS" | "VSQRTSD", (first, second):
            return Spelled(mnemonic, (first, Reg("xmm0", "xmm", 0), second))
    if not x64 and mnemonic in _THROUGH_THE_STACK:
        return Spelled(mnemonic, tuple(map(_as_64_bits, operands)))
    return Spelled(mnemonic, operands)


def _bytes(operand: Operand) -> int | None:
    match operand:
        case Reg(kind="r64"):
            return 8
        case Mem(size=size):
            return size
    return None


def _is_ymm(operand: Operand) -> bool:
    match operand:
        case Reg(kind="ymm") | Mem(size=None | 32):
            return True
    return False


def _as_xmm(operand: Reg | Mem) -> Reg | Mem:
    if isinstance(operand, Reg):
        return replace(operand, kind="xmm")
    return replace(operand, size=16) if operand.size == 32 else operand


def _as_64_bits(operand: Operand) -> Operand:
    match operand:
        case Reg(kind="r32"):
            return replace(operand, kind="r64")
        case Mem(size=4):
            return replace(operand, size=8)
    return operand
