"""An x86-64 assembler whose instructions are Python objects.

    from x86_64 import *

    ADD(eax, 5).encode()                                 # bytearray(b'\\x83\\xc0\\x05')
    MOVAPS(xmm0, xmm1).encode_options()                  # both opcodes
    VPSLLVD(ymm0, ymm1, [rsi + 8]).encode_length_options()

An instruction knows all its encodings, its effects (registers and flags read and written, memory, control flow) and
its text in Intel and AT&T syntax. Operands may be values that only a running JIT knows: `Instruction.encodings` then
says which bytes are left open, and for which values. All instructions are data, in `table.txt`; 64-bit mode only.
"""

from __future__ import annotations as _annotations

from types import ModuleType as _ModuleType
from typing import Any as _Any

from x86_64.effects import Control as Control
from x86_64.effects import Effects as Effects
from x86_64.effects import Flags as Flags
from x86_64.encoder import Encoding as Encoding
from x86_64.encoder import Field as Field
from x86_64.errors import AssemblyError as AssemblyError
from x86_64.errors import OperandError as OperandError
from x86_64.errors import ParseError as ParseError
from x86_64.errors import RangeError as RangeError
from x86_64.instruction import ADDR32 as ADDR32
from x86_64.instruction import DISP8 as DISP8
from x86_64.instruction import DISP32 as DISP32
from x86_64.instruction import EVEX as EVEX
from x86_64.instruction import LOCK as LOCK
from x86_64.instruction import NF as NF
from x86_64.instruction import NOTRACK as NOTRACK
from x86_64.instruction import REP as REP
from x86_64.instruction import REPE as REPE
from x86_64.instruction import REPNE as REPNE
from x86_64.instruction import VEX as VEX
from x86_64.instruction import VEX2 as VEX2
from x86_64.instruction import VEX3 as VEX3
from x86_64.instruction import Instruction as Instruction
from x86_64.instruction import Mnemonic as Mnemonic
from x86_64.operands import Address as Address
from x86_64.operands import DefaultFlags as DefaultFlags
from x86_64.operands import Label as Label
from x86_64.operands import Masked as Masked
from x86_64.operands import Memory as Memory
from x86_64.operands import Operand as Operand
from x86_64.operands import Rounding as Rounding
from x86_64.operands import Symbol as Symbol
from x86_64.operands import Symbolic as Symbolic
from x86_64.operands import address as address
from x86_64.operands import byte as byte
from x86_64.operands import dfv as dfv
from x86_64.operands import dword as dword
from x86_64.operands import fword as fword
from x86_64.operands import hword as hword
from x86_64.operands import oword as oword
from x86_64.operands import qword as qword
from x86_64.operands import rd_sae as rd_sae
from x86_64.operands import rn_sae as rn_sae
from x86_64.operands import ru_sae as ru_sae
from x86_64.operands import rz_sae as rz_sae
from x86_64.operands import sae as sae
from x86_64.operands import tbyte as tbyte
from x86_64.operands import tword as tword
from x86_64.operands import word as word
from x86_64.operands import yword as yword
from x86_64.operands import zword as zword
from x86_64.registers import *  # noqa: F403
from x86_64.table import Form as Form
from x86_64.table import aliases as aliases
from x86_64.table import canonical as canonical
from x86_64.table import mnemonics as mnemonics

# Reading and writing text is imported when asked for.
_TEXT = {"format_att": "att", "parse_att": "att", "format_intel": "intel", "parse_intel": "intel"}
_PUBLIC = [
    name
    for name, value in globals().items()
    if name[0] != "_"
    and not isinstance(value, _ModuleType)
    and name not in ("annotations", "dataclass", "field", "TYPE_CHECKING")
]


def __getattr__(name: str) -> _Any:
    """Mnemonics (`ADD`, `JZ`, …), text and `__all__`, made when asked for: most users of the package need few or none."""
    if name == "__all__":
        return [*_PUBLIC, *_TEXT, *sorted(mnemonics()), *sorted(aliases())]
    if name in _TEXT:
        from importlib import import_module

        return globals().setdefault(name, getattr(import_module(f"x86_64.{_TEXT[name]}"), name))
    if name.isupper():
        try:
            canonical(name)
        except OperandError as error:
            raise AttributeError(f"module 'x86_64' has no attribute {name!r}: {error}") from None
        return globals().setdefault(name, Mnemonic(name))
    raise AttributeError(f"module 'x86_64' has no attribute {name!r}")
