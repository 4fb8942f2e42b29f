"""The machines that emit functions can be built for: the levels of the x86-64 psABI.

The key idea: the same stencils, compiled once for each level that the configuration names; the emitted code is chosen when
a context is created, from what the machine has. What comes out the same for two levels is written once.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["CPUS", "Cpu", "CpuName"]

CpuName = Literal["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"]


@dataclass(frozen=True, slots=True)
class Cpu:
    """constant: what the runtime calls it; suffix: of C names that exist once a level, but for the lowest one's."""

    name: CpuName
    constant: str
    suffix: str


CPUS: dict[CpuName, Cpu] = {
    "x86-64": Cpu("x86-64", "SG_X86_64", "_v1"),
    "x86-64-v2": Cpu("x86-64-v2", "SG_X86_64_V2", "_v2"),
    "x86-64-v3": Cpu("x86-64-v3", "SG_X86_64_V3", "_v3"),
    "x86-64-v4": Cpu("x86-64-v4", "SG_X86_64_V4", "_v4"),
}
"""The lowest first; each has what the one before it has."""
