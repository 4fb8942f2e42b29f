"""stencilgen.toml → a header with copy-and-patch emit functions, in the place of stencilgen's own."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.baseline.assembly import tidy
from bench.baseline.compile import INCLUDE, assemble, compiler_flags, parts, run
from bench.baseline.emit import emitter, externs_of
from bench.baseline.flavours import Flavour
from bench.baseline.objects import Code, read_objects
from stencilgen.config import Config
from stencilgen.emit.header import Extern, HeaderContent, Level, render_header
from stencilgen.facts import examine
from stencilgen.pipeline import compile_sources
from stencilgen.toolchain.clang import find_clang

__all__ = ["CACHE", "Baseline", "Stencil", "build"]

CACHE = Path(__file__).resolve().parent / "build"


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
    """Compile a configuration's stencils. UserError as stencilgen's build, and for code that cannot be copied."""
    clang = find_clang()
    module, names = compile_sources(config, clang, os.cpu_count() or 1)
    facts = examine(module, config, names)
    assemblies: dict[str, str] = {}
    continues: dict[str, bool] = {}
    files = []
    for source in config.sources:
        text = run(
            [*compiler_flags(config, clang, flavour, names), "-S", "-o", "-", str(source)], clang, config.directory
        )
        tidied = _tidy(text, assemblies, continues)
        files.append(assemble(tidied, clang))
    objects = read_objects(files)
    stencils = {name: objects.stencils[name] for name in facts.stencils}
    externs = sorted(set().union(*(externs_of(code) for code in stencils.values())))
    externs = sorted({*externs, *(r.symbol for r in objects.constants.relocations if r.symbol)})
    header = render_header(
        config,
        HeaderContent(
            levels=[
                Level(config.cpus[0], "", [emitter(code, continues[name], config) for name, code in stencils.items()])
            ],
            pool=objects.constants,
            externs=[Extern(name, "object" if name in facts.objects else "function") for name in externs],
            layouts=(),
            state=facts.state,
            fingerprint="",
        ),
    )
    header = header.replace("#include <stencilgen/emit.h>", '#include "copy_and_patch.h"')
    return Baseline(flavour, header, {name: Stencil(code, assemblies[name]) for name, code in stencils.items()})


def _tidy(text: str, assemblies: dict[str, str], continues: dict[str, bool]) -> str:
    """A file's assembly with every function's jumps in order; each function's text and whether it goes on by falling."""
    result = []
    for part in parts(text):
        if isinstance(part, str):
            result.append(part)
            continue
        name, body = part
        lines, continues[name] = tidy(name, body)
        assemblies[name] = "\n".join(lines)
        result += lines
    return "\n".join(result) + "\n"
