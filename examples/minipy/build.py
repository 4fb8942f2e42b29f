"""Build the VM: stencils → emit functions → one executable, kept under the fingerprint of everything it is made from."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stencilgen import paths
from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.output import write_files
from stencilgen.pipeline import build
from stencilgen.toolchain.cc import Compiler, find_compiler, link
from stencilgen.toolchain.clang import ziglang

HERE = Path(__file__).resolve().parent
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-g")


@dataclass(frozen=True, slots=True)
class Variant:
    """What kind of VM: with reference counts checked, with sanitizers, with the threaded interpreter."""

    check: bool = False
    sanitize: bool = False
    threaded: bool = False

    @property
    def name(self) -> str:
        names = [name for name, on in (("check", self.check), ("sanitize", self.sanitize), ("threaded", self.threaded)) if on]
        return "-".join(["vm", *names])


def cache_directory() -> Path:
    """Where built VMs are kept: $MINIPY_CACHE, or beside the sources, or, if that cannot be written, in ~/.cache."""
    if chosen := os.environ.get("MINIPY_CACHE"):
        return Path(chosen)
    if os.access(HERE, os.W_OK):
        return HERE / "build"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "minipy"


def sources() -> list[Path]:
    """The VM's C files. Stencils are compiled by stencilgen, and included by the interpreter."""
    own = [*sorted((HERE / "vm").glob("*.c")), *sorted((HERE / "trace").glob("*.c"))]
    return [path for path in own if path.name not in ("stencils.c", "special.c")]


def compiler_for(variant: Variant) -> Compiler:
    """Any C compiler; for the threaded interpreter a Clang, which knows musttail and preserve_none."""
    if variant.threaded and not os.environ.get("CC") and (zig := ziglang()):
        flags = ("-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-fno-sanitize=undefined")
        return Compiler((str(zig / "zig"), "cc"), "the ziglang package", flags)
    return find_compiler()


def build_vm(variant: Variant, progress: bool = False) -> Path:
    """The VM's executable; built if anything that it is made from has changed."""
    runtime = paths.runtime()
    headers = [*HERE.glob("vm/*"), *HERE.glob("trace/*"), *(runtime / "src").iterdir(), HERE / "stencilgen.toml"]
    headers += [*(runtime / "include" / "stencilgen").iterdir(), Path(__file__)]
    own_code = [path for name in ("stencilgen", "dasc", "llvm_passes", "x86_64") for path in _package(name).rglob("*.py")]
    digest = hashlib.sha256(f"{variant} {os.environ.get('CC')}".encode())
    for path in sorted([*headers, *own_code]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    folder = cache_directory()
    program = folder / f"{variant.name}-{digest.hexdigest()[:16]}"
    if program.exists():
        return program
    folder.mkdir(parents=True, exist_ok=True)
    checks = ["-DMINIPY_CHECK"] if variant.check else []
    config = load_config(HERE)
    config = config.model_copy(
        update={"stencils": config.stencils.model_copy(update={"flags": [*config.stencils.flags, *checks]})}
    )
    built = build(config, directory=folder / ("stencils-check" if variant.check else "stencils"))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".headers-") as work:
        write_files(Path(work), {"jit_stencils.h": built.header})
        flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-I", work, "-I", str(HERE), "-I", str(HERE / "vm"), "-I", str(runtime / "include"), *checks]
        flags += [*(SANITIZERS if variant.sanitize else ()), "-lm"]
        link(compiler_for(variant), [*sources(), *sorted((runtime / "src").glob("*.c"))], program, flags, directory=HERE)
    for old in folder.glob(f"{variant.name}-????????????????"):
        if old != program:
            old.unlink(missing_ok=True)
    return program


def _package(name: str) -> Path:
    root = Path(paths.__file__).resolve().parent.parent
    return root / name


__all__ = ["UserError", "Variant", "build_vm", "cache_directory"]
