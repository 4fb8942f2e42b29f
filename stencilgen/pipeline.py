"""C stencils → emit functions: the whole way, one stage after the other.

    stencils.c ─clang→ IR ─llvm_passes→ folded IR ─LLVM→ assembly ─lower→ .dasc ─compile→ C ─render→ jit_stencils.h

The key idea: stages are pure functions from one value to the next, and a stencil's way does not depend on its neighbours.
So the work is spread over processes, and the result for each stencil is kept under the fingerprint of what it is made
from: building again does only what changed.
"""

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache as memoize
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dasc
import llvm_passes
from llvm_passes.codegen import CodegenError, CompileOptions, compile_functions
from llvm_passes.fold import FoldOptions
from llvm_passes.last_values import Place
from llvm_passes.module import Module, UnreadableModule, split_module
from stencilgen.cache import Cache
from stencilgen.config import Config
from stencilgen.emit.constants import merged, pool
from stencilgen.emit.dasc_file import dasc_file
from stencilgen.emit.header import Emitter, Extern, HeaderContent, Level, StateParameter, render_header
from stencilgen.errors import UserError, VersionWarning
from stencilgen.facts import Facts, examine, layouts, require_sound
from stencilgen.finish import BuiltStencil, SharedPart, finish_unit
from stencilgen.last import use_of
from stencilgen.output import write_files
from stencilgen.places import places_of, require_hidden
from stencilgen.statistics import level_statistics, statistics
from stencilgen.toolchain.clang import (
    Clang,
    compile_commands,
    compile_to_ir,
    find_clang,
    line_of_state,
    state_names,
)
from stencilgen.toolchain.cpu import Cpu, CpuName
from stencilgen.toolchain.header import examine_header
from stencilgen.twins import without_twins
from stencilgen.unit import Unit, unit_of
from stencilgen.units.building import Superstencils, Workshop, build_selection
from stencilgen.units.derivation import operands_of, require_known, standing_pointer
from stencilgen.units.selection import labels_of
from stencilgen.version import RUNTIME_ABI, VERSION
from stencilgen.workers import map_in_processes

__all__ = ["TARGETS", "Build", "BuiltStencil", "build", "build_directory", "fingerprint", "write_build"]

TARGETS = ("x86_64-linux",)

Progress = Callable[[str, int, int], None]
"""progress(stage, done, total): what is being done, and how much of it."""


@dataclass(frozen=True, slots=True)
class Build:
    """A finished build. `stencils`: for the lowest level of x86-64; `levels`: for each, the lowest first; `rebuilt` counts the
    stencils that did not come from the cache; `units`: what else the planner may choose; `shared`: cold code that they call.
    """

    config: Config
    clang: Clang
    stencils: tuple[BuiltStencil, ...]
    levels: Mapping[CpuName, tuple[BuiltStencil, ...]]
    header: str
    dasc: str
    listing: str
    stats: dict[str, Any]
    rebuilt: int
    fingerprint: str
    state: tuple[StateParameter, ...]
    units: tuple[BuiltStencil, ...] = ()
    shared: tuple[SharedPart, ...] = ()


def build(
    config: Config,
    *,
    target: str = "x86_64-linux",
    jobs: int | None = None,
    only: Collection[str] | None = None,
    cache: bool = True,
    directory: Path | None = None,
    superstencils: Superstencils | None = None,
    verify: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> Build:
    """Build all stencils of a configuration, or `only` some of them (then the header holds just these).

    jobs: processes to spread the work over (default: one a core). directory: where the cache is kept (default:
    `build_directory`). superstencils: which units of several micro-ops to add. verify: let the code test the facts that are
    known along a trace, and stop the program at a false one. UserError for every mistake in the stencils, the configuration or
    the set-up.
    """
    if target not in TARGETS:
        raise UserError(f"there is no target '{target}'", remedy=f"use {' or '.join(TARGETS)}")
    jobs = jobs or os.cpu_count() or 1
    config = verifying(config) if verify else config
    clang = find_clang()

    with ThreadPoolExecutor(max_workers=jobs + 1) as threads:
        visible = threads.submit(examine_header, config, clang)
        store = Cache((directory or build_directory(config, target)) / "cache.pickle", maker=_own_code(), enabled=cache)
        levels = [build_level(config, clang, cpu, only, store, jobs, progress) for cpu in config.cpus]
        lowest = levels[0]
        facts, stencils = lowest.facts, lowest.stencils
        for level in levels[1:]:
            _require_alike(config, level, lowest)
        shops = [
            Workshop(
                config,
                level.module,
                level.facts,
                level.keys,
                store,
                jobs,
                partial(_compile_more, config, level, jobs, progress),
                level.suffix,
            )
            for level in levels
        ]
        selection, unit_keys = build_selection(shops, [level.stencils for level in levels], superstencils)
        keys = [key for level in levels for key in level.keys.values()]
        store.save([*keys, *unit_keys] if only is None else None)
        _warn_of_limits(config, stencils)
        structures = layouts(facts.structures, visible.result(), config.directory)

    chosen = selection.units if selection else ()
    higher = without_twins([level.stencils for level in levels])
    by_level = {level.cpu.name: built for level, built in zip(levels, (stencils, *higher), strict=True)}
    everything = (*stencils, *(s for level in higher for s in level if s.emitter != s.name), *chosen)
    constants = pool(merged(item for stencil in everything for item in stencil.constants.items()))
    shared = shared_parts(everything)
    mark = _fingerprint(config, levels)
    header = render_header(
        config,
        HeaderContent(
            levels=[
                Level(level.cpu, level.suffix, [_emitter(stencil) for stencil in by_level[level.cpu.name]])
                for level in levels
            ],
            pool=constants,
            shared=shared,
            externs=externs(everything, facts),
            layouts=structures,
            state=facts.state,
            fingerprint=mark,
            units=selection.tables if selection else None,
            operands={s.name: [config.holes[hole].value for hole, _ in operands_of(config, s.holes)] for s in stencils},
            targets=labels_of(config, stencils),
            facts=config.facts is not None,
            places=lowest.places,
            standing=lowest.standing,
            uses={s.name: use_of(s.stencil, s.ends) for s in stencils} if lowest.places else {},
        ),
    )
    return Build(
        config=config,
        clang=clang,
        stencils=stencils,
        levels=by_level,
        header=header,
        dasc="\n".join(
            (
                dasc.write(dasc_file(config, constants, [part.name for part in shared])),
                *(part.dasc for part in shared),
                *(stencil.dasc for stencil in everything),
            )
        ),
        listing="\n".join((*(s.listing for s in everything), *(part.listing for part in shared))),
        stats=statistics(stencils, constants, shared)
        | level_statistics(by_level)
        | ({"units": selection.statistics} if selection else {}),
        rebuilt=sum(level.rebuilt for level in levels),
        fingerprint=mark,
        state=facts.state,
        units=chosen,
        shared=shared,
    )


def verifying(config: Config) -> Config:
    """The configuration of code that trusts no fact. UserError if it declares none."""
    if config.facts is None:
        what, remedy = "there are no facts to verify", 'declare them: [facts] with names = ["integer", "real"]'
        raise UserError(what, remedy=remedy, file=config.path)
    flags = [*config.stencils.flags, "-DSG_VERIFY"]
    return config.model_copy(update={"stencils": config.stencils.model_copy(update={"flags": flags})})


def _warn_of_limits(config: Config, stencils: Iterable[BuiltStencil]) -> None:
    """A VersionWarning for each stencil whose conditions need more versions than there may be."""
    for stencil in stencils:
        if stencil.conditions and config.versions.limit > 1:
            tests = ", ".join(f"'{condition}'" for condition in stencil.conditions)
            what = (
                f"{stencil.file}:{stencil.line}: stencil {stencil.name} has {config.versions.limit} versions, and would "
                f"need more: its code still tests {tests}\n  → compute with these values instead of branching on them, "
                f"split the stencil, or raise limit in [versions] of {config.path.name}"
            )
            warnings.warn(what, VersionWarning, stacklevel=3)


def fingerprint(config: Config) -> str:
    """The fingerprint that a header generated now would carry. Costs a run of Clang for each level of x86-64."""
    clang = find_clang()
    return _fingerprint(config, [read_sources(config, clang, cpu, os.cpu_count() or 1) for cpu in config.cpus])


def _fingerprint(config: Config, levels: Sequence["Sources"]) -> str:
    parts = [config.stack.model_dump_json()] if config.stack else []
    parts += config.superstencils.operands
    for level in levels:
        parts += [*level.keys, *level.keys.values()]
        parts += (f"{parameter.type} {parameter.name}" for parameter in level.facts.state)
        parts += (f"{s.name} {s.size} {s.members}" for s in level.facts.structures)
    return _digest(*parts)


def build_directory(config: Config, target: str = "x86_64-linux") -> Path:
    """Where a build's files go unless the user says otherwise."""
    return config.directory / "build" / target


def write_build(build: Build, directory: Path) -> list[Path]:
    """Write all results, each file as a whole or not at all. Returns their paths.

    compile_commands.json goes to `build/` itself, one folder up from the default `directory`: clangd looks for it there.
    """
    up = "../" if directory.resolve() == build_directory(build.config).resolve() else ""
    return write_files(
        directory,
        {
            "jit_stencils.h": build.header,
            "stencils.dasc": build.dasc,
            "listing.txt": build.listing,
            "stats.json": build.stats,
            f"{up}compile_commands.json": compile_commands(
                build.config, build.clang, [parameter.name for parameter in build.state]
            ),
        },
    )


# ---- The stages ----


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources as one module for one level of x86-64, what is known of them, and each stencil's key in the cache. places:
    whose stores are put off; standing: the position in the state of the pointer of a stack whose depth is static.
    """

    cpu: Cpu
    module: Module
    facts: Facts
    places: tuple[Place, ...]
    standing: int | None
    keys: dict[str, str]


def read_sources(config: Config, clang: Clang, cpu: Cpu, jobs: int, only: Collection[str] | None = None) -> Sources:
    """C → LLVM IR and what is known of it."""
    module, names = compile_sources(config, clang, jobs, cpu)
    facts = examine(module, config, names, only)
    require_known(config, module)
    places = places_of(config, module, facts)
    standing = standing_pointer(config, facts, places)
    return Sources(cpu, module, facts, places, standing, stencil_keys(config, cpu, module, facts, places, standing))


@dataclass(frozen=True, slots=True)
class BuiltLevel(Sources):
    """And all stencils, in the order of the sources. suffix: of their emit functions' names, none for the lowest level."""

    suffix: str
    stencils: tuple[BuiltStencil, ...]
    rebuilt: int


def build_level(
    config: Config,
    clang: Clang,
    cpu: Cpu,
    only: Collection[str] | None,
    store: Cache,
    jobs: int,
    progress: Progress,
) -> BuiltLevel:
    """C → emit functions, for one level of x86-64. What is made anew goes into the cache."""
    progress("compile C", 0, 1)
    sources = read_sources(config, clang, cpu, jobs, only)
    progress("compile C", 1, 1)
    facts, keys = sources.facts, sources.keys
    suffix = _suffix(config, cpu)
    missing = [name for name in facts.stencils if keys[name] not in store]
    require_sound(sources.module, config, missing)
    require_hidden(sources.module, missing, sources.places)
    kinds = "".join(parameter.kind for parameter in facts.state)
    units = [unit_of(facts.stencils[name], kinds, config, suffix) for name in missing]
    for stencil in compile_units(config, sources, sources.module, units, jobs, progress):
        store[keys[stencil.name]] = stencil
    places = {name: source.position for name, source in facts.stencils.items()}
    stencils = tuple(store[keys[name]].at(place.file, place.line) for name, place in places.items())
    return BuiltLevel(
        cpu, sources.module, facts, sources.places, sources.standing, keys, suffix, stencils, len(missing)
    )


def _require_alike(config: Config, level: Sources, lowest: Sources) -> None:
    """UserError when the sources are not the same VM for each level: they can ask what the compiler may use."""
    ours, others = level.facts, lowest.facts
    if (list(ours.stencils), ours.state, ours.structures) != (list(others.stencils), others.state, others.structures):
        raise UserError(
            f"for {level.cpu.name} the sources define other stencils, state or structures than for {lowest.cpu.name}",
            remedy="let #ifdef __AVX2__ and its like choose between two ways to compute, nothing else",
            file=config.path,
            line=config.line("target", "cpus"),
        )


def _emitter(stencil: BuiltStencil) -> Emitter:
    return Emitter(
        name=stencil.name,
        function=f"emit_{stencil.emitter}",
        c_source=stencil.c_source,
        max_hot=stencil.max_hot,
        max_cold=stencil.max_cold,
        frame=stencil.frame,
        ends=stencil.ends,
    )


def compile_sources(config: Config, clang: Clang, jobs: int, cpu: Cpu | None = None) -> tuple[Module, list[str]]:
    """Every source through Clang, linked into one module of LLVM IR; and the names of the state's parameters."""

    def compile_source(source: Path) -> tuple[str, list[str]]:
        names = state_names(config, clang, source)
        return compile_to_ir(config, clang, source, names, cpu), names

    with ThreadPoolExecutor(max_workers=jobs) as threads:
        results = list(threads.map(compile_source, config.sources))
    names = results[0][1]
    for source, (_, others) in zip(config.sources, results, strict=True):
        if others != names:
            what = f"STENCIL_STATE is not that of {config.stencils.sources[0]}"
            remedy = "define it alike in all sources, best in a header of their own"
            raise UserError(what, remedy=remedy, file=source, line=line_of_state(source))
    texts = [text for text, _ in results]
    _require_distinct(config, texts)
    try:
        return split_module(texts[0] if len(texts) == 1 else llvm_passes.link(texts)), names
    except (UnreadableModule, CodegenError) as error:
        raise UserError(
            f"what Clang makes of the stencils is not understood: {error}",
            remedy="remove flags from stencils.flags that change what Clang writes (-E, -flto)",
            file=config.path,
            line=config.line("stencils", "flags"),
        ) from None


_DEFINITION = re.compile(
    r'^define (?!internal|private|available_externally|linkonce|weak)[^@\n]*@("[^"]+"|[\w.$]+)\(', re.M
)


def _require_distinct(config: Config, texts: Sequence[str]) -> None:
    """UserError for a stencil that two sources define."""
    first: dict[str, str] = {}
    for source, path, text in zip(config.stencils.sources, config.sources, texts, strict=True):
        for name in _DEFINITION.findall(text):
            if name in first:
                raise UserError(
                    f"stencil {name} is defined in {first[name]} too",
                    remedy="rename one of them, or list the source once",
                    file=path,
                    line=_line_of_stencil(path, name),
                )
            first[name] = source


def _line_of_stencil(source: Path, name: str) -> int:
    """Where it is written as STENCIL(name), 0 if a macro hides it."""
    for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
        if re.match(rf"\s*STENCIL\(\s*{re.escape(name)}\s*\)", line):
            return number
    return 0


def _suffix(config: Config, cpu: Cpu) -> str:
    """Of the emit functions' names for a level of x86-64: none for the lowest."""
    return "" if cpu == config.cpus[0] else cpu.suffix


def stencil_keys(
    config: Config, cpu: Cpu, module: Module, facts: Facts, places: Sequence[Place], standing: int | None
) -> dict[str, str]:
    """For each stencil a digest of all that its emit function is made from: code, state, configuration, LLVM, ourselves."""
    kinds = "".join(parameter.kind for parameter in facts.state)
    holes = config.model_dump_json(include={"holes", "instruction", "versions", "code", "facts"})
    level = f"{cpu.name} {_suffix(config, cpu)}"
    common = _digest(
        VERSION,
        str(RUNTIME_ABI),
        _own_code(),
        version("llvmlite"),
        level,
        kinds,
        holes,
        str(standing),
        *map(_described, places),
    )
    return {name: _digest(common, module.fingerprint(name)) for name in facts.stencils}


def _described(place: Place) -> str:
    writers = "any" if place.writers is None else sorted(place.writers)
    return f"{place.name} {place.parameter} {place.offset} {place.size} {sorted(place.blind)} {writers}"


def _compile_more(
    config: Config, sources: Sources, jobs: int, progress: Progress, module: Module, units: Sequence[Unit]
) -> Iterable[BuiltStencil]:
    return compile_units(config, sources, module, units, jobs, progress)


def compile_units(
    config: Config, sources: Sources, module: Module, units: Sequence[Unit], jobs: int, progress: Progress
) -> Iterable[BuiltStencil]:
    """IR → emit functions, for these units, each a function of the module, which is that of the sources or derived from it."""
    progress("generate code", 0, len(units))
    if not units:
        return
    holes = {name: hole for unit in units for name, hole in unit.holes.items()}
    promises = {name: hole.promise for name, hole in holes.items() if hole.promise}
    fold = FoldOptions(promises, expressions=config.code.fold)
    options = CompileOptions(fold, config.versions.limit, config.code.split, sources.places, sources.standing)
    try:
        compiled = compile_functions(module, [unit.name for unit in units], options, jobs)
    except CodegenError as error:
        place = next((unit for unit in units if unit.name == error.stencil), None)
        file, line = (place.file, place.line) if place else (None, 0)
        what = f"stencil {error.stencil}: {error.message}" if error.stencil else error.message
        remedy = "most often this is inline assembly that LLVM's assembler does not understand"
        raise UserError(what, remedy=remedy, file=file, line=line) from None
    progress("generate code", len(units), len(units))
    work = [(unit, compiled[unit.name]) for unit in units]
    finish = partial(finish_unit, config)
    progress("assemble", 0, len(units))
    if jobs == 1 or len(work) < _WORTH_PROCESSES:
        results: Iterable[BuiltStencil] = map(finish, work)
        yield from _counted(results, len(units), progress)
    else:
        yield from _counted(map_in_processes(finish, work, jobs), len(units), progress)


_WORTH_PROCESSES = 64
"""Fewer stencils than this are done before another process has started."""


def _counted(results: Iterable[BuiltStencil], total: int, progress: Progress) -> Iterable[BuiltStencil]:
    for done, result in enumerate(results, 1):
        progress("assemble", done, total)
        yield result


def shared_parts(stencils: Iterable[BuiltStencil]) -> tuple[SharedPart, ...]:
    """What cold code these stencils share, by name."""
    parts = {name: part for stencil in stencils for name, part in stencil.shared.items()}
    return tuple(part for _, part in sorted(parts.items()))


def externs(stencils: Sequence[BuiltStencil], facts: Facts) -> list[Extern]:
    """What the stencils refer to by address. What the IR does not know is a function that LLVM calls by itself."""
    names = sorted({name for stencil in stencils for name in stencil.externs})
    thread_locals = sorted({name for stencil in stencils for name in stencil.thread_locals})
    return [
        *(Extern(name, "object" if name in facts.objects else "function") for name in names),
        *(Extern(name, "thread-local") for name in thread_locals),
    ]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@memoize
def _own_code() -> str:
    """A digest of stencilgen itself, so that a changed generator finds nothing in an old cache."""
    digest = hashlib.sha256()
    for package in ("stencilgen", "dasc", "llvm_passes", "x86_64"):
        root = Path(__file__).resolve().parent.parent / package
        for path in sorted(root.rglob("*")):
            if path.suffix in (".py", ".txt", ".h") and "data" not in path.relative_to(root).parts:
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
