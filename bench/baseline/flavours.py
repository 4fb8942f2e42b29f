"""Ways of compiling stencils for copy-and-patch: CPython's published flags, and what else might be better for it.

CPython 3.14 compiles with -O3 and the medium code model: a hole is a `movabs`, a call goes through the offset table and
is relaxed to a direct one. CPython 3.15 compiles with -Os. CPython 3.13 used the small code model with position-independent
code: a hole is a load from the offset table, relaxed to `mov reg, imm32` or `lea` where the value allows.

Flags that cost the baseline something and that no VM needs are left out (-fno-builtin, frame pointers).
"""

from dataclasses import dataclass

__all__ = ["BEST", "FLAVOURS", "Flavour"]

COMMON = (
    "-fno-plt",  # calls through the offset table, which patching relaxes
    "-fno-asynchronous-unwind-tables",
    "-fno-stack-protector",
    "-fno-jump-tables",  # a table of code addresses would have to be copied and patched with the code
)
MEDIUM = ("-fno-pic", "-mcmodel=medium", "-mlarge-data-threshold=0")
SMALL = ("-fpic", "-mcmodel=small")
SEPARATE = ("-fno-slp-vectorize", "-mllvm", "-combiner-store-merging=false")


@dataclass(frozen=True, slots=True)
class Flavour:
    """A name and Clang's flags."""

    name: str
    flags: tuple[str, ...]
    remark: str


FLAVOURS = {
    flavour.name: flavour
    for flavour in (
        Flavour("O3", ("-O3", *MEDIUM, *COMMON), "CPython 3.14"),
        Flavour("Os", ("-Os", *MEDIUM, *COMMON), "CPython 3.15"),
        Flavour("O3-separate", ("-O3", *MEDIUM, *COMMON, *SEPARATE), "3.14 without merged stores and vectors"),
        Flavour("Os-separate", ("-Os", *MEDIUM, *COMMON, *SEPARATE), "3.15 without merged stores and vectors"),
        Flavour("small-O3-separate", ("-O3", *SMALL, *COMMON, *SEPARATE), "holes in the offset table, relaxed"),
        Flavour("small-Os-separate", ("-Os", *SMALL, *COMMON, *SEPARATE), "holes in the offset table, relaxed"),
    )
}

BEST = "small-Os-separate"
"""The smallest and fastest of them on the machine of bench/vm: what "copy-and-patch" means where nothing else is said."""
