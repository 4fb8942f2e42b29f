"""Clang flags that cannot go with stencils, each with why and what to do instead.

The key idea: Clang would take them, and the trouble would show far from its cause: as a stencil without an end, or as a
call of a function that no trace can reach. So they are refused where they are written. Only flags that are known to do harm
are listed; what else a user asks of Clang is theirs to know.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["RefusedFlag", "refused_flags"]


@dataclass(frozen=True, slots=True)
class RefusedFlag:
    """flag: as the user wrote it, the `index`-th of theirs."""

    index: int
    flag: str
    why: str
    remedy: str


_REFUSED = (
    (
        r"-O(0|g)",
        "without Clang's optimiser no way out of a stencil becomes a tail call",
        "remove it, or write -O1, -Os, -O2 or -O3",
    ),
    (
        r"-fsanitize=.*",
        "its checks refer to tables and functions of their own, which a trace does not have",
        "remove it, and check the interpreter that is made from the same source; or add -fsanitize-trap=all",
    ),
    (
        r"-pg|-finstrument-functions.*|-fprofile-(instr-)?generate.*|-fprofile-arcs|-ftest-coverage|-fxray-instrument",
        "it counts in functions and variables of its own, which a trace does not have",
        "remove it; set `perf_map` in sg_options to see traces in a profile",
    ),
    (r"-g0|-gline-tables-only|-gmlt|-g1", "lines, types and layouts are read from debug information", "remove it"),
    (
        r"-flto.*|-E|-S|-c|-M{1,2}|-fsyntax-only|-o.*",
        "it changes what Clang writes, which has to be LLVM IR",
        "remove it",
    ),
    (r"-m(32|x32|16)|--?target(=.*)?|-arch", "the target is chosen by `stencilgen build --target`", "remove it"),
)
"""Pattern of the whole flag, why it cannot be, what to do."""

_TRAPS = re.compile(r"-fsanitize-trap(=all|=undefined)?|-fsanitize-undefined-trap-on-error")


def refused_flags(flags: Sequence[str]) -> list[RefusedFlag]:
    """Those of `flags` (stencils.flags of a configuration) that cannot be, in their order."""
    traps = any(_TRAPS.fullmatch(flag) for flag in flags)
    return [
        RefusedFlag(index, flag, why, remedy)
        for index, flag in enumerate(flags)
        for pattern, why, remedy in _REFUSED
        if re.fullmatch(pattern, flag) and not (flag.startswith("-fsanitize=") and traps)
    ]
