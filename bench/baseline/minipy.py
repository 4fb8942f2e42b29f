"""minipy's VM with copy-and-patch in the place of stencilgen's emit functions; everything else is the same."""

import functools
import hashlib
import os
from dataclasses import replace
from pathlib import Path

from bench.baseline.build import CACHE, build
from bench.baseline.compile import INCLUDE
from bench.baseline.flavours import BEST, FLAVOURS
from bench.frame.machine import ROOT
from bench.vm import forget_old
from stencilgen import paths
from stencilgen.config import load_config
from stencilgen.toolchain.cc import find_compiler, link
from stencilgen.toolchain.clang import ziglang

__all__ = ["MINIPY", "minipy_vm", "vm_with"]

MINIPY = ROOT / "examples" / "minipy"
_NOT_COMPILED = ("stencils.c", "special.c")  # stencils: the interpreter includes them
_ZIG = ("-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-fno-sanitize=undefined")


@functools.cache
def minipy_vm(flavour: str = BEST) -> Path:
    """The executable, with minipy's own command line. Built once for each state of the sources."""
    return vm_with(build(load_config(MINIPY), FLAVOURS[flavour]).header)


def vm_with(header: str) -> Path:
    """minipy's VM with this header for jit_stencils.h, compiled as examples/minipy compiles it."""
    runtime = paths.runtime()
    folders = [MINIPY / "vm", MINIPY / "trace"]
    sources = [path for folder in folders for path in sorted(folder.glob("*.c")) if path.name not in _NOT_COMPILED]
    sources += sorted((runtime / "src").glob("*.c"))
    headers = [path for folder in (*folders, runtime, INCLUDE) for path in sorted(folder.rglob("*.h"))]
    included = [folder / name for folder in folders for name in _NOT_COMPILED if (folder / name).exists()]
    digest = hashlib.sha256(header.encode())
    for path in [*sources, *headers, *included]:
        digest.update(path.read_bytes())
    folder = CACHE / "minipy" / digest.hexdigest()[:20]
    program = folder / "vm"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "jit_stencils.h").write_text(header)
        compiler = find_compiler()
        if not os.environ.get("CC") and (zig := ziglang()):  # a Clang: the threaded interpreter needs musttail
            compiler = replace(compiler, command=(str(zig / "zig"), "cc"), flags=_ZIG)
        includes = [folder, MINIPY, MINIPY / "vm", INCLUDE, runtime / "include"]
        link(
            compiler, sources, program, ["-O2", *(f for i in includes for f in ("-I", str(i))), "-lm"], directory=MINIPY
        )
        forget_old(folder.parent, keep=12)
    return program
