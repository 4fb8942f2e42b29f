"""Registers by the names that DynASM gives them, for 64-bit and 32-bit code.

Every register also has a number as its name: r0 … r15, with d, w or b for its low parts (in 32-bit code r0 … r7 are eax
… edi). A name without a number (`Rq`, `xmm`) is a register whose number is a C expression: `xmm(expr)`.
"""

from dataclasses import dataclass, replace
from functools import cache

from x86_64 import REGISTERS

__all__ = ["OPERAND_SIZES", "VECTORS", "Reg", "register_names"]

OPERAND_SIZES = {
    "byte": 1, "word": 2, "dword": 4, "fword": 6, "qword": 8, "tword": 10, "oword": 16, "yword": 32, "zword": 64
}  # fmt: skip
"""Bytes by the names of sizes; `aword`, an address, depends on the mode."""
VECTORS = ("xmm", "ymm", "zmm")


@dataclass(frozen=True, slots=True)
class Reg:
    """A register. kind, number: as `x86_64.Register` has them.

    expression: in parentheses, the C expression of its number, when that is known only at emit time.
    variable: the name needs such an expression. is_address, is_index: what it can be in an address; vectors are indices of
    gathers and scatters. mask: the AVX-512 mask register it is under; zeroing: what that leaves out becomes zero.
    """

    name: str
    kind: str
    number: int
    is_address: bool = False
    is_index: bool = False
    variable: bool = False
    expression: str | None = None
    mask: str = ""
    zeroing: bool = False

    def numbered(self, expression: str) -> "Reg":
        """This register with its number."""
        return replace(self, name=f"{self.name}{expression}", variable=False, expression=expression)


_VARIABLE = {"Rq": "r64", "Rd": "r32", "Rw": "r16", "Rb": "r8", "Rf": "st", "xmm": "xmm", "ymm": "ymm"}
_SUFFIX = {"r64": "", "r32": "d", "r16": "w", "r8": "b"}


@cache
def register_names(x64: bool) -> dict[str, Reg]:
    """All names of registers, 64-bit ones only with x64."""
    names: dict[str, Reg] = {}
    for register in REGISTERS:
        if not x64 and not _in_32_bit_code(register.name, register.kind, register.number):
            continue
        address = register.kind in ("r64", "r32")
        names[register.name] = Reg(
            register.name,
            register.kind,
            register.number,
            address,
            (address and register.number != 4) or register.kind in VECTORS,
        )
    own = "r64" if x64 else "r32"
    for register in REGISTERS:
        if register.kind in _SUFFIX and (x64 or (register.kind != "r64" and register.number < 8)):
            suffix = "" if register.kind == own else _SUFFIX[register.kind]
            known = names.get(register.name)
            if known is None:  # spl … dil in 32-bit code: there is no such register
                continue
            names.setdefault(f"r{register.number}{suffix}", known)
    for name, kind in _VARIABLE.items():
        if x64 or kind != "r64":
            address = kind in ("r64", "r32")
            names[name] = Reg(name, kind, 0, address, address, True)
    names["Ra"] = replace(names["Rq" if x64 else "Rd"], name="Ra")
    return names


def _in_32_bit_code(name: str, kind: str, number: int) -> bool:
    if kind == "r8" and number >= 4:
        return False
    return number < 8 and kind not in ("r64", "rip", "zmm", "tmm", "bnd", "k")
