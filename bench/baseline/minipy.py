"""minipy's VM with copy-and-patch in the place of stencilgen's emit functions; everything else is the same."""

import functools
import hashlib
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from bench.baseline.build import CACHE, build
from bench.baseline.compile import INCLUDE
from bench.baseline.flavours import BEST, FLAVOURS
from bench.frame.machine import ROOT
from bench.vm import forget_old
from stencilgen import paths
from stencilgen.config import load_config
from stencilgen.toolchain.cc import Compiler, find_compiler, link
from stencilgen.toolchain.clang import ziglang

__all__ = ["MINIPY", "minipy_vm", "placed", "vm_with"]

MINIPY = ROOT / "examples" / "minipy"
MEASURED = Path(__file__).resolve().parent / "measured" / "measured.c"
_NOT_COMPILED = ("stencils.c", "special.c")  # stencils: the interpreter includes them
_ZIG = ("-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-fno-sanitize=undefined")


def placed(turn: int) -> dict[str, str]:
    """The environment in which a VM's traces lie elsewhere in each round.

    Where code lies is luck: a processor's predictors know branches by some bits of their addresses, so that one of lu's loops
    takes 1.4 times as long in some places, in whatever way it was compiled. A median over many places is not luck.
    """
    return {**os.environ, "MEASURED_PLACE": str(turn)}


@functools.cache
def minipy_vm(flavour: str = BEST) -> Path:
    """The executable, with minipy's own command line. Built once for each state of the sources."""
    return vm_with(build(load_config(MINIPY), FLAVOURS[flavour]).header)


def vm_with(header: str, further: Sequence[Path] = (), defines: Sequence[str] = ()) -> Path:
    """minipy's VM with this header for jit_stencils.h, compiled as examples/minipy compiles it; further: sources beside it,
    whose folders are searched for headers. All can be placed, and note their code (measured/).

    What does not depend on the header is compiled once, for all of them.
    """
    for old, new in {
        "#include <stencilgen/jit.h>\n": '#include <stencilgen/jit.h>\n#include "measured.h"\n',
        "return sg_compile_trace(": "return measured_compile_trace(",
    }.items():
        assert header.count(old) == 1, old
        header = header.replace(old, new)
    further = [*further, MEASURED]
    runtime = paths.runtime()
    folders = [MINIPY / "vm", MINIPY / "trace"]
    sources = [path for folder in folders for path in sorted(folder.glob("*.c")) if path.name not in _NOT_COMPILED]
    sources += sorted((runtime / "src").glob("*.c"))
    headers = [path for folder in (*folders, runtime, INCLUDE) for path in sorted(folder.rglob("*.h"))]
    included = [folder / name for folder in folders for name in _NOT_COMPILED if (folder / name).exists()]
    digest = hashlib.sha256(" ".join(defines).encode())
    for path in [*sources, *headers, *included]:
        digest.update(path.read_bytes())
    common = CACHE / "minipy" / "objects" / digest.hexdigest()[:20]
    beside = sorted({path.parent for path in further})
    for path in (*further, *(header for place in beside for header in sorted(place.glob("*.h")))):
        digest.update(path.read_bytes())
    digest.update(header.encode())
    folder = CACHE / "minipy" / "vms" / digest.hexdigest()[:20]
    program = folder / "vm"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "jit_stencils.h").write_text(header)
        compiler = find_compiler()
        if not os.environ.get("CC") and (zig := ziglang()):  # a Clang: the threaded interpreter needs musttail
            compiler = replace(compiler, command=(str(zig / "zig"), "cc"), flags=_ZIG)
        includes = [folder, *beside, MINIPY, MINIPY / "vm", INCLUDE, runtime / "include"]
        flags = ["-O2", *defines, *(flag for include in includes for flag in ("-I", str(include)))]
        special = {*further, *(path for path in sources if _includes(path, "jit_stencils.h", folders))}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            compiled = pool.map(
                lambda path: _object(compiler, path, folder if path in special else common, flags),
                [*sources, *further],
            )
        link(compiler, list(compiled), program, ["-lm"], directory=MINIPY)
        forget_old(common.parent, keep=4)
        forget_old(folder.parent)
    os.utime(folder)
    return program


def _object(compiler: Compiler, source: Path, folder: Path, flags: list[str]) -> Path:
    """The object file of a source, in this folder."""
    output = folder / f"{source.parent.name}-{source.stem}.o"  # two folders have an error.c
    if not output.exists():
        folder.mkdir(parents=True, exist_ok=True)
        link(compiler, [source], output, ["-c", *flags], directory=MINIPY)
    return output


def _includes(source: Path, header: str, folders: list[Path]) -> bool:
    """Whether a source includes a header, itself or through those in these folders."""
    seen: set[str] = set()
    work = [source]
    while work:
        for name in re.findall(r'^\s*#\s*include\s+"(?:[^"]*/)?([^"/]+)"', work.pop().read_text(), re.M):
            if name == header:
                return True
            if name not in seen:
                seen.add(name)
                work += [path for folder in folders if (path := folder / name).exists()]
    return False
