"""Clang, as copy-and-patch calls it: its flags, its assembly cut into functions, and its assembler."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.baseline.flavours import Flavour
from stencilgen.config import Config
from stencilgen.errors import UserError
from stencilgen.paths import stencil_include
from stencilgen.toolchain.clang import Clang

__all__ = ["INCLUDE", "TARGET", "assemble", "compiler_flags", "functions", "parts", "run"]

INCLUDE = Path(__file__).resolve().parent / "include"
TARGET = ("-target", "x86_64-linux-gnu", "-ffunction-sections")
_FUNCTION = re.compile(r"^([A-Za-z_]\w*):(?:\s*#.*)?$")
_FUNCTION_END = re.compile(r"^\.Lfunc_end\d+:")


def compiler_flags(config: Config, clang: Clang, flavour: Flavour, names: list[str]) -> list[str]:
    """Those for a source of stencils."""
    holes = " ".join(f"SG_DECLARE_HOLE({name})" for name in config.holes)
    return [
        *(*TARGET, "-std=gnu11", *flavour.flags),
        *(flag for directory in clang.system_headers for flag in ("-isystem", directory)),
        *("-I", str(INCLUDE), "-I", str(stencil_include())),
        *(flag for directory in config.stencils.include for flag in ("-I", str(config.directory / directory))),
        *(f"-DSG_STATE_NAMES={','.join(names)}", f"-DSG_HOLES={holes}"),
        *config.stencils.flags,
    ]


def run(flags: list[str], clang: Clang, directory: Path) -> str:
    """What Clang writes to its output. UserError with its words when it fails."""
    result = subprocess.run([*clang.command, *flags], capture_output=True, text=True, cwd=directory)
    if result.returncode != 0:
        raise UserError(f"Clang rejects the stencils:\n{result.stderr}")
    return result.stdout


def assemble(text: str, clang: Clang) -> bytes:
    """The object file of a text."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "stencils.s").write_text(text)
        run([*TARGET, "-c", "-o", "stencils.o", "stencils.s"], clang, work)
        return (work / "stencils.o").read_bytes()


def functions(text: str) -> dict[str, list[str]]:
    """The lines of each function of a file of assembly."""
    return dict(part for part in parts(text) if not isinstance(part, str))


def parts(text: str) -> Iterator[str | tuple[str, list[str]]]:
    """Lines outside of functions, and functions by name with the lines between their label and their end."""
    name, body, before = "", list[str](), ""
    for line in text.splitlines():
        if name and _FUNCTION_END.match(line):
            yield name, body
            name, body = "", []
        if name:
            body.append(line)
        elif (match := _FUNCTION.match(line)) and before.startswith("\t.type") and "@function" in before:
            name = match[1]
        else:
            yield line
        before = line
