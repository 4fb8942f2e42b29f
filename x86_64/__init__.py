"""An x86-64 assembler whose instructions are Python objects.

    from x86_64 import *

    ADD(eax, 5).encode()                                 # bytearray(b'\\x83\\xc0\\x05')
    MOVAPS(xmm0, xmm1).encode_options()                  # both opcodes
    VPSLLVD(ymm0, ymm1, [rsi + 8]).encode_length_options()

An instruction knows all its encodings, its effects (registers and flags read and written, memory, control flow) and its text in Intel and
AT&T syntax. Operands may be values that only a running JIT knows: `Instruction.encodings` then says which bytes are left open, and for
which values. Everything is data in `table.txt`; 64-bit mode only.
"""

from __future__ import annotations

from typing import Any

from x86_64 import registers as _registers
from x86_64.att import format_att, parse_att
from x86_64.effects import Control, Effects, Flags
from x86_64.encoder import Encoding, Field
from x86_64.errors import AssemblyError, OperandError, ParseError, RangeError
from x86_64.instruction import LOCK, NOTRACK, REP, REPE, REPNE, Instruction, Mnemonic
from x86_64.intel import format_intel, parse_intel
from x86_64.operands import (
    Address,
    Label,
    Masked,
    Memory,
    Operand,
    Rounding,
    Symbol,
    Symbolic,
    byte,
    dword,
    fword,
    oword,
    qword,
    tbyte,
    word,
    yword,
    zword,
)
from x86_64.registers import *  # noqa: F403
from x86_64.registers import REGISTERS, Register
from x86_64.table import Form, canonical, mnemonics

_PUBLIC = [
    "LOCK", "NOTRACK", "REP", "REPE", "REPNE", "Address", "AssemblyError", "Control", "Effects", "Encoding", "Field", "Flags", "Form",
    "Instruction", "Label", "Masked", "Memory", "Mnemonic", "Operand", "OperandError", "ParseError", "RangeError", "Register", "Rounding",
    "Symbol", "Symbolic", "byte", "dword", "format_att", "format_intel", "fword", "oword", "parse_att", "parse_intel", "qword", "tbyte", "word",
    "yword", "zword",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Mnemonics (`ADD`, `JZ`, …) and `__all__`, made when asked for: reading the table costs more than the rest of the package."""
    if name == "__all__":
        return [*_PUBLIC, *(r.name for r in REGISTERS), *sorted(mnemonics())]
    if name.isupper():
        try:
            canonical(name)
        except OperandError as error:
            raise AttributeError(f"module 'x86_64' has no attribute {name!r}: {error}") from None
        mnemonic = Mnemonic(name)
        globals()[name] = mnemonic
        return mnemonic
    raise AttributeError(f"module 'x86_64' has no attribute {name!r}")
