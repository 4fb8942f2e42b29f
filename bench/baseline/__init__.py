"""Copy-and-patch from the same stencil sources, as CPython's JIT does it: what stencilgen is measured against.

    header = baseline.build(config, FLAVOURS[BEST]).header       # instead of stencilgen's jit_stencils.h

The same C sources are compiled by the same Clang with another `stencilgen/stencil.h`, in which a hole is the address of an
extern symbol. Each stencil's machine code becomes an emit function that copies it and patches the relocations.

The key idea: the emit functions keep the interface of the runtime's (`stencilgen/emit.h`), so that any VM runs on
copy-and-patch unchanged, and nothing but the emitted code differs: entering, leaving, linking traces, and where they
lie are the same. Where CPython's way is known and ours is cheaper, the cheaper one is taken: exits are stubs of
two instructions, constants and the offset table are one for all traces, and calls are direct when they reach. What keeping
each trace in pages of its own costs, with its own offset table, is measured with another runtime (`PAGES`).
"""

from pathlib import Path

from bench.baseline.build import Baseline, Stencil, build
from bench.baseline.flavours import BEST, FLAVOURS, Flavour
from bench.baseline.minipy import minipy_vm

__all__ = ["BEST", "FLAVOURS", "PAGES", "Baseline", "Flavour", "Stencil", "build", "minipy_vm", "paged"]

PAGES = Path(__file__).resolve().parent / "pages" / "pages.c"
"""A runtime in the place of stencilgen's, which keeps each trace in pages of its own, as CPython's JIT does: what that costs."""


def paged(copied: Baseline) -> str:
    """The header for `PAGES`."""
    return copied.header.replace('#include "copy_and_patch.h"', '#include "paged.h"')
