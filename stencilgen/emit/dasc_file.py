"""What stands before the stencils in a `.dasc` file: the VM's header, the constants, and the names of shared parts."""

from collections.abc import Sequence

from dasc import Constants, File, Relocation
from stencilgen.config import Config
from stencilgen.emit.constants import Pool
from x86_64 import Address

__all__ = ["dasc_file"]


def dasc_file(config: Config, pool: Pool, shared: Sequence[str] = ()) -> File:
    """The file without stencils; constants are named in an enum, and their bytes follow as data. shared: names of parts."""
    preamble = [f'#include "{config.instruction.header}"']
    if pool.offsets:
        preamble += ["enum {", *(f"    {name} = {offset}," for name, offset in pool.offsets.items()), "};"]
    if shared:
        preamble += ["enum {", *(f"    {name}," for name in shared), "};"]
    relocations = tuple(
        Relocation(
            r.offset,
            Address(f"SG_RODATA({r.addend})" if r.symbol is None else r.symbol, 0 if r.symbol is None else r.addend),
        )
        for r in pool.relocations
    )
    return File(tuple(preamble), Constants(pool.content, relocations))
