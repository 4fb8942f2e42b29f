"""A C compiler for the VM's own code: what the Python API and the demo link into a shared library.

Any will do, since generated headers are plain C11. The `ziglang` wheel brings one with its own libc headers and linker,
for machines that have none.
"""

import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stencilgen.errors import UserError
from stencilgen.toolchain.clang import ziglang

__all__ = ["Compiler", "find_compiler", "link"]


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler that can also link; `flags` make it behave like any other."""

    command: tuple[str, ...]
    origin: str
    flags: tuple[str, ...] = ()


def find_compiler() -> Compiler:
    """$CC, else cc, gcc or clang on PATH, else `zig cc` from the ziglang wheel. UserError if there is none."""
    if chosen := os.environ.get("CC"):
        command = tuple(shlex.split(chosen))
        if command and shutil.which(command[0]):
            return Compiler(command, "$CC")
        raise UserError(f"$CC is '{chosen}', which is not there", remedy="set CC to a C compiler, or unset it")
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return Compiler((path,), "PATH")
    if zig := ziglang():
        # zig cc turns on undefined-behaviour traps and the host's CPU unless told otherwise
        flags = ("-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-fno-sanitize=undefined")
        return Compiler((str(zig / "zig"), "cc"), "the ziglang package", flags)
    raise UserError("there is no C compiler here", remedy="pip install 'stencilgen[clang]', or install gcc or clang")


def link(compiler: Compiler, sources: Sequence[Path], output: Path, flags: Sequence[str], *, directory: Path) -> None:
    """Compile and link C sources; UserError holds the compiler's own messages. `output` appears only when complete."""
    partial = output.with_name(f".{output.name}.{os.getpid()}.{threading.get_ident()}")
    command = [*compiler.command, *compiler.flags, "-std=gnu11", *map(str, sources), "-o", str(partial), *flags]
    try:
        result = subprocess.run(command, capture_output=True, text=True, cwd=directory, errors="replace")
        if result.returncode != 0:
            raise UserError(f"the C compiler ({compiler.command[0]}) rejects the VM:\n{result.stderr.strip()}")
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
