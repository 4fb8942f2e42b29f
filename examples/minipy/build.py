"""Build the VM: stencils → emit functions → one executable, kept under the fingerprint of everything it is made from."""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stencilgen import paths

HERE = Path(__file__).resolve().parent
PROFILE = HERE / "minipy.profile"
"""What the programs' traces consist of, weighted by how often they ran (`minipy.py --profile`)."""

ZIG_FLAGS = ("-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-fno-sanitize=undefined")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-O0", "-g1")
"""With lines for reports. Optimising takes the compiler four times as long, for code whose every access is checked anyway."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What kind of VM: with reference counts checked, with sanitizers, with the threaded interpreter, with facts tested; how many
    sequences of micro-ops are fused, by the profile beside this file.
    """

    check: bool = False
    sanitize: bool = False
    threaded: bool = False
    verify: bool = False
    superstencils: int = 0

    @property
    def name(self) -> str:
        kinds = [name for name in ("check", "sanitize", "threaded", "verify") if getattr(self, name)]
        fused = [f"superstencils{self.superstencils}"] if self.superstencils else []
        return "-".join(["vm", *kinds, *fused])

    @property
    def stencils(self) -> str:
        """The name of the kind of stencils that it needs."""
        return "-".join(["stencils", *(name for name in ("check", "verify") if getattr(self, name))])


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


def build_vm(variant: Variant) -> Path:
    """The VM's executable; built if anything that it is made from has changed. UserError if it cannot be."""
    digest = hashlib.sha256(f"{variant} {os.environ.get('CC')}".encode())
    for path in _made_from():
        status = path.stat()
        digest.update(f"{path} {status.st_mtime_ns} {status.st_size}\n".encode())
    folder = cache_directory()
    program = folder / f"{variant.name}-{digest.hexdigest()[:16]}"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(folder / f".{variant.name}.lock"):
            if not program.exists():
                _build(variant, folder, program)
        for old in folder.glob(f"{variant.name}-{'?' * 16}"):
            if old != program:
                old.unlink(missing_ok=True)
    return program


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Of the processes that are here for this lock file, one goes on; the next when it is done, or has died."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made_from() -> list[Path]:
    """Every file that the VM depends on, stencilgen's own code too."""
    runtime, root = paths.runtime(), Path(paths.__file__).resolve().parent.parent
    found = [
        *HERE.glob("vm/*"),
        *HERE.glob("trace/*"),
        *runtime.rglob("*.[ch]"),
        HERE / "stencilgen.toml",
        PROFILE,
        Path(__file__),
    ]
    for package in ("stencilgen", "dasc", "llvm_passes", "x86_64"):
        found += [path for path in (root / package).rglob("*.py") if "cli" not in path.parts]
    return sorted([*found, *(root / "stencilgen" / "include").rglob("*.h")])


def _build(variant: Variant, folder: Path, program: Path) -> None:
    from stencilgen.config import load_config
    from stencilgen.errors import UserError
    from stencilgen.output import write_files
    from stencilgen.pipeline import build
    from stencilgen.toolchain.cc import find_compiler, link
    from stencilgen.toolchain.clang import ziglang
    from stencilgen.units.building import Superstencils

    compiler = find_compiler()
    if variant.threaded and not os.environ.get("CC") and (zig := ziglang()):  # a Clang: it knows musttail
        if variant.sanitize:
            what = "the ziglang package's compiler, which builds the threaded interpreter, has no AddressSanitizer"
            raise UserError(what, remedy="use --interpreter switch, or set CC to a Clang")
        compiler = replace(compiler, command=(str(zig / "zig"), "cc"), flags=ZIG_FLAGS)
    runtime = paths.runtime()
    checks = ["-DMINIPY_CHECK"] if variant.check else []
    config = load_config(HERE)
    stencils = config.stencils.model_copy(update={"flags": [*config.stencils.flags, *checks]})
    with _one_at_a_time(folder / f".{variant.stencils}.lock"):  # other variants' VMs find these in the cache
        built = build(
            config.model_copy(update={"stencils": stencils}),
            directory=folder / variant.stencils,
            verify=variant.verify,
            superstencils=Superstencils((PROFILE,), variant.superstencils) if variant.superstencils else None,
        )
    with tempfile.TemporaryDirectory(dir=folder, prefix=".headers-") as work:
        write_files(Path(work), {"jit_stencils.h": built.header})
        includes = [work, str(HERE), str(HERE / "vm"), str(runtime / "include")]
        flags = ["-O2", "-Wall", "-Wextra", "-Werror", *(flag for path in includes for flag in ("-I", path)), *checks]
        flags += [*(SANITIZERS if variant.sanitize else ()), "-lm"]
        link(compiler, [*sources(), *sorted((runtime / "src").glob("*.c"))], program, flags, directory=HERE)
