"""All laid-out stencils as one `.dasc` file."""

from collections.abc import Sequence

from dasc import Constants, File, Relocation, Stencil
from stencilgen.config import Config
from stencilgen.emit.constants import Pool
from x86_64 import Address

__all__ = ["dasc_file"]


def dasc_file(config: Config, stencils: Sequence[Stencil], pool: Pool) -> File:
    """The file; constants are named in an enum, and their bytes follow as data."""
    preamble = [f'#include "{config.instruction.header}"']
    if pool.offsets:
        preamble += ["enum {", *(f"    {name} = {offset}," for name, offset in pool.offsets.items()), "};"]
    relocations = tuple(
        Relocation(r.offset, Address(f"SG_RODATA({r.addend})" if r.symbol is None else r.symbol, 0 if r.symbol is None else r.addend))
        for r in pool.relocations
    )
    return File(tuple(preamble), Constants(pool.content, relocations), tuple(stencils))
