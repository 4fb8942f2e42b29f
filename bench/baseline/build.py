"""stencilgen.toml → a header with copy-and-patch emit functions, in the place of stencilgen's own."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.baseline.assembly import tidy
from bench.baseline.compile import INCLUDE, assemble, compiler_flags, parts, run
from bench.baseline.emit import emitter, externs_of
from bench.baseline.flavours import Flavour
from bench.baseline.objects import Code, read_objects
from stencilgen.config import Config
from stencilgen.emit.constants import Pool
from stencilgen.emit.header import Emitter, Extern, HeaderContent, Level, render_header
from stencilgen.facts import Facts, examine
from stencilgen.pipeline import compile_sources
from stencilgen.toolchain.clang import Clang, find_clang
from stencilgen.units.table import Tables

__all__ = ["CACHE", "Baseline", "Copied", "Stencil", "build", "copy", "render"]

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
    texts = [
        run([*compiler_flags(config, clang, flavour, names), "-S", "-o", "-", str(source)], clang, config.directory)
        for source in config.sources
    ]
    copied = copy(texts, list(facts.stencils), config, clang)
    return Baseline(flavour, render(config, facts, copied), copied.stencils)


@dataclass(frozen=True, slots=True)
class Copied:
    """Functions as emit functions that copy them."""

    stencils: Mapping[str, Stencil]
    emitters: Mapping[str, Emitter]
    constants: Pool

    @property
    def externs(self) -> set[str]:
        """What the VM has to define for them."""
        named = (externs_of(stencil.code) for stencil in self.stencils.values())
        return set().union(*named, (r.symbol for r in self.constants.relocations if r.symbol))


def copy(texts: Sequence[str], names: Sequence[str], config: Config, clang: Clang) -> Copied:
    """These functions of files of assembly."""
    assemblies: dict[str, str] = {}
    continues: dict[str, bool] = {}
    objects = read_objects([assemble(_tidy(text, assemblies, continues), clang) for text in texts])
    stencils = {name: Stencil(objects.stencils[name], assemblies[name]) for name in names}
    emitters = {name: emitter(stencil.code, continues[name], config) for name, stencil in stencils.items()}
    return Copied(stencils, emitters, objects.constants)


def render(config: Config, facts: Facts, copied: Copied, units: Tables | None = None) -> str:
    """The header; units: what there is beside the stencils."""
    header = render_header(
        config,
        HeaderContent(
            levels=[Level(config.cpus[0], "", [copied.emitters[name] for name in facts.stencils])],
            pool=copied.constants,
            externs=[Extern(n, "object" if n in facts.objects else "function") for n in sorted(copied.externs)],
            layouts=(),
            state=facts.state,
            fingerprint="",
            units=units,
        ),
    )
    return header.replace("#include <stencilgen/emit.h>", '#include "copy_and_patch.h"')


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
