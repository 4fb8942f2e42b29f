"""stencilgen.toml → a header with copy-and-patch emit functions, in the place of stencilgen's own."""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.baseline.assembly import tidy
from bench.baseline.emit import emitter, externs_of
from bench.baseline.flavours import Flavour
from bench.baseline.objects import Code, read_objects
from stencilgen.config import Config
from stencilgen.emit.header import Extern, HeaderContent, render_header
from stencilgen.facts import examine
from stencilgen.pipeline import compile_sources
from stencilgen.toolchain.clang import Clang, find_clang

__all__ = ["INCLUDE", "Baseline", "Stencil", "build"]

INCLUDE = Path(__file__).resolve().parent / "include"
CACHE = Path(__file__).resolve().parent / "build"
_FUNCTION = re.compile(r"^([A-Za-z_]\w*):(?:\s*#.*)?$")
_FUNCTION_END = re.compile(r"^\.Lfunc_end\d+:")


@dataclass(frozen=True, slots=True)
class Stencil:
    """code: its bytes as they are copied; assembly: the text that they are made from."""

    code: Code
    assembly: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """A VM's stencils by copy-and-patch. `header` takes the place of jit_stencils.h; `include` must be in its path."""

    flavour: Flavour
    header: str
    stencils: Mapping[str, Stencil]
    include: Path = INCLUDE


def build(config: Config, flavour: Flavour) -> Baseline:
    """Compile a configuration's stencils. UserError as stencilgen's build; ValueError for code that cannot be copied."""
    clang = find_clang()
    module, names = compile_sources(config, clang, os.cpu_count() or 1)
    facts = examine(module, config, names)
    assemblies: dict[str, str] = {}
    continues: dict[str, bool] = {}
    files = []
    for source in config.sources:
        text = _run([*_flags(config, clang, flavour, names), "-S", "-o", "-", str(source)], clang, config.directory)
        tidied = _tidy(text, assemblies, continues)
        files.append(_assemble(tidied, clang))
    objects = read_objects(files)
    stencils = {name: objects.stencils[name] for name in facts.stencils}
    externs = sorted(set().union(*(externs_of(code) for code in stencils.values())))
    externs = sorted({*externs, *(r.symbol for r in objects.constants.relocations if r.symbol)})
    header = render_header(
        config,
        HeaderContent(
            emitters=[emitter(code, continues[name], config) for name, code in stencils.items()],
            pool=objects.constants,
            externs=[Extern(name, "object" if name in facts.objects else "function") for name in externs],
            layouts=(),
            state=facts.state,
            fingerprint="",
        ),
    )
    header = header.replace("#include <stencilgen/emit.h>", '#include "copy_and_patch.h"')
    return Baseline(flavour, header, {name: Stencil(code, assemblies[name]) for name, code in stencils.items()})


def _flags(config: Config, clang: Clang, flavour: Flavour, names: list[str]) -> list[str]:
    holes = " ".join(f"SG_DECLARE_HOLE({name})" for name in config.holes)
    return [
        *("-target", "x86_64-linux-gnu", "-std=gnu11", "-ffunction-sections", *flavour.flags),
        *(flag for directory in clang.system_headers for flag in ("-isystem", directory)),
        *("-I", str(INCLUDE)),
        *(flag for directory in config.stencils.include for flag in ("-I", str(config.directory / directory))),
        *(f"-DSG_STATE_NAMES={','.join(names)}", f"-DSG_HOLES={holes}"),
        *config.stencils.flags,
    ]


def _run(flags: list[str], clang: Clang, directory: Path) -> str:
    result = subprocess.run([*clang.command, *flags], capture_output=True, text=True, cwd=directory)
    if result.returncode != 0:
        raise ValueError(f"Clang rejects the stencils:\n{result.stderr}")
    return result.stdout


def _assemble(text: str, clang: Clang) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "stencils.s").write_text(text)
        _run(["-target", "x86_64-linux-gnu", "-c", "-o", "stencils.o", "stencils.s"], clang, work)
        return (work / "stencils.o").read_bytes()


def _tidy(text: str, assemblies: dict[str, str], continues: dict[str, bool]) -> str:
    """A file's assembly with every function's jumps in order; each function's text and whether it goes on by falling."""
    result: list[str] = []
    name, body = "", []
    for line in text.splitlines():
        if name:
            if not _FUNCTION_END.match(line):
                body.append(line)
                continue
            lines, continues[name] = tidy(name, body)
            assemblies[name] = "\n".join(lines)
            result += [*lines, line]
            name, body = "", []
        elif (
            (match := _FUNCTION.match(line))
            and result
            and result[-1].startswith("\t.type")
            and "@function" in result[-1]
        ):
            name = match[1]
        else:
            result.append(line)
    return "\n".join(result) + "\n"
