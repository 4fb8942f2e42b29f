"""Where figures come from: the machine, and the versions of everything that was measured with."""

import functools
import os
import platform
import shutil
import subprocess
from pathlib import Path

import llvmlite.binding as llvm

from stencilgen.errors import UserError
from stencilgen.toolchain.clang import find_clang
from stencilgen.version import VERSION

__all__ = ["ROOT", "load", "machine", "versions"]

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def machine() -> str:
    """Processor, cores, memory and kernel, in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{model}, {cores} cores, {memory:.0f} GB, {platform.system()} {platform.release()}"


def load() -> str:
    """What else the machine is doing: the load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


@functools.cache
def versions() -> dict[str, str]:
    """stencilgen and what it is built on; each benchmark adds its peers'."""
    found = {"stencilgen": VERSION + _commit(), "Python": platform.python_version()}
    try:
        clang = find_clang()
        found["Clang"] = f"{clang.version} ({clang.origin})"
    except UserError:
        found["Clang"] = "none"
    found["LLVM"] = ".".join(map(str, llvm.llvm_version_info))
    return found


def _commit() -> str:
    """The commit of a checkout, and whether it was changed since."""
    if not shutil.which("git"):
        return ""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f" ({described.stdout.strip()})" if described.returncode == 0 else ""
