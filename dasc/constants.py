"""The constants that stencils share, as C."""

import re
from collections.abc import Iterator

from dasc.model import Constants, Relocation

__all__ = ["c_constants", "c_rows"]

_BYTES_A_LINE = 16
_OWN = re.compile(r"SG_RODATA\((\d+)\)")


def c_rows(data: bytes) -> Iterator[str]:
    """The lines of an array's initialiser."""
    for start in range(0, len(data), _BYTES_A_LINE):
        yield "    " + " ".join(f"0x{byte:02x}," for byte in data[start : start + _BYTES_A_LINE])


def c_constants(constants: Constants) -> str:
    """Definitions of `sg_rodata` and, if there are any, `sg_relocations`, as stencilgen/jit.h declares them."""
    lines = ["static const uint8_t sg_rodata[] = {", *c_rows(constants.data), "};"]
    if constants.relocations:
        entries = map(_relocation, constants.relocations)
        lines += ["static const sg_relocation sg_relocations[] = {", *(f"    {entry}," for entry in entries), "};"]
    return "".join(f"{line}\n" for line in lines)


def _relocation(relocation: Relocation) -> str:
    address = relocation.address
    if own := _OWN.fullmatch(address.name):
        return f"{{{relocation.offset}, SG_RELOCATION_RODATA, NULL, {int(own[1]) + address.addend}}}"
    return f"{{{relocation.offset}, SG_RELOCATION_SYMBOL, (const void *)&SG_EXTERN({address.name}), {address.addend}}}"
