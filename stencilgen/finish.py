"""One unit from LLVM's assembly to its emit function: every version lowered, the best kept, compiled to C.

The key idea: a version is lowered as if it were a stencil of its own, so nothing before or after this module knows that
there are several. Only here do they meet, as a tree of tests.
"""

import pickle
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce

import dasc
from dasc import InstructionLine, Stencil
from llvm_passes.callees import Callee
from llvm_passes.codegen import CompiledFunction, Decision
from llvm_passes.expression import holes_of
from llvm_passes.holes import holes_read
from llvm_passes.static_depth import DEPTH
from stencilgen.assembly import Data, read_data
from stencilgen.config import Config
from stencilgen.depth import with_movement
from stencilgen.emit.conditions import both, grouped, negated, render_condition
from stencilgen.emit.constants import merged
from stencilgen.emit.expressions import HoleSource
from stencilgen.emit.listing import render_listing
from stencilgen.errors import UserError
from stencilgen.last import with_effects
from stencilgen.layout.code import Convention
from stencilgen.layout.conventions import convention
from stencilgen.layout.shared_cold import shared_part
from stencilgen.lowering import Lowered, Source, assumed, hole_sources, lower, promised
from stencilgen.unit import Unit
from stencilgen.versions import Choice, Leaf, Tree, choose
from x86_64 import Address

__all__ = ["BuiltStencil", "BuiltVersion", "SharedPart", "finish_unit"]


@dataclass(frozen=True, slots=True)
class BuiltVersion:
    """One version: the C condition under which it is emitted (empty: always), and the bytes that it emits at most."""

    condition: str
    max_hot: int
    max_cold: int


@dataclass(frozen=True, slots=True)
class SharedPart:
    """Cold code that stencils share, and its texts. max_size: bytes that it is at most, once for a context."""

    name: str
    dasc: str
    c_source: str
    listing: str
    max_size: int


@dataclass(frozen=True, slots=True)
class BuiltStencil:
    """One stencil with everything that was made on its way, for `explain` and `--emit`.

    emitter: what its emit function is called after `emit_`; ir, folded_ir, assembly: of all versions, each after a
    comment that says when it is chosen; dasc, c_source, listing: its texts; max_hot, max_cold: bytes that it emits at
    most; frame: bytes of stack; ends: whether it never goes on to the next micro-op by falling through; rules: how often
    each peephole rule fired; expressions: what each JIT-time value stands for; constants, shared, externs: what it
    refers to outside of its code; versions: that were worth having; without_versions: bytes, hot and cold, that it would emit at
    most if it had none; conditions: what is tested at run time since there would be too many versions; layout: see
    `stencil`.
    """

    name: str
    emitter: str
    file: str
    line: int
    ir: str
    folded_ir: str
    assembly: str
    layout: bytes
    dasc: str
    c_source: str
    listing: str
    max_hot: int
    max_cold: int
    frame: int
    ends: bool
    rules: Mapping[str, int]
    expressions: Mapping[str, str]
    holes: tuple[str, ...]
    constants: Mapping[str, Data]
    shared: Mapping[str, SharedPart]
    externs: frozenset[str]
    thread_locals: frozenset[str]
    hot_instructions: int
    cold_instructions: int
    versions: tuple[BuiltVersion, ...]
    without_versions: tuple[int, int]
    conditions: tuple[str, ...]

    @property
    def stencil(self) -> Stencil:
        """The laid-out stencil. Kept pickled: a build from the cache needs the texts only, and there are thousands."""
        stencil = pickle.loads(self.layout)
        assert isinstance(stencil, Stencil)
        return replace(stencil, source=f"{self.file}:{self.line}")

    def at(self, file: str, line: int) -> "BuiltStencil":
        """The stencil at another place: lines move in a source without changing the code of what stands in them."""
        if (self.file, self.line) == (file, line):
            return self
        old, new = f"{self.file}:{self.line}", f"{file}:{line}"

        def moved(text: str) -> str:
            head, _, body = text.partition("\n")
            return f"{head.replace(old, new)}\n{body}"

        return replace(
            self,
            file=file,
            line=line,
            dasc=moved(self.dasc),
            c_source=moved(self.c_source),
            listing=moved(self.listing),
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """A version as LLVM made it, lowered, with the conditions that lead to it."""

    path: tuple[str, ...]
    compiled: CompiledFunction
    lowered: Lowered


def finish_unit(config: Config, work: tuple[Unit, CompiledFunction]) -> BuiltStencil:
    """One unit from assembly text to its emit function. UserError for what cannot be carried in a trace."""
    unit, compiled = work
    sources = hole_sources(unit.holes)
    general = _lower(unit, compiled, config)
    parts: list[_Part] = []
    tree = _tree(unit, compiled.decision or compiled, (), config, sources, parts)
    value_holes = frozenset[str]().union(
        *(part.lowered.values for part in parts), _tested(compiled.decision), _reported(compiled)
    )
    value_holes = value_holes.union(*map(holes_of, compiled.promises))
    # a promise may have decided something so that the hole itself is gone
    value_holes |= {hole for hole in holes_read(compiled.ir) & sources.keys() if sources[hole].promise}
    stencil = choose(tree, (*promised(value_holes - {DEPTH}, sources), *assumed(unit, compiled.promises, sources)))
    if compiled.last is not None:
        stencil = with_effects(stencil, compiled.last, sources)
    if compiled.movement is not None:
        stencil = with_movement(stencil, compiled.movement)
    emitter = dasc.compile_stencil(stencil)
    sizes = zip(_paths(stencil), emitter.versions, strict=True)
    plain = emitter if compiled.decision is None else dasc.compile_stencil(choose(Leaf(general.stencil)))
    expressions = {text: meaning for part in parts for text, meaning in part.lowered.expressions.items()}
    lines = [line for version in dasc.versions(stencil) for line in version.hot]
    cold_lines = [line for version in dasc.versions(stencil) for line in version.cold]
    return BuiltStencil(
        name=unit.name,
        emitter=stencil.name,
        file=unit.file,
        line=unit.line,
        ir=compiled.ir,
        folded_ir=_texts([(part.path, part.compiled.folded_ir) for part in parts], "; "),
        assembly=_texts([(part.path, part.compiled.assembly) for part in parts], "# "),
        layout=pickle.dumps(stencil),
        dasc=dasc.write_stencil(stencil),
        c_source=emitter.c_source,
        listing=render_listing(stencil, emitter.max_hot, emitter.max_cold),
        max_hot=emitter.max_hot,
        max_cold=emitter.max_cold,
        frame=emitter.frame,
        ends=not emitter.continues,
        rules=sum((Counter(part.lowered.rules) for part in parts), Counter[str]()),
        expressions={
            value.symbol.name: expressions[value.expression]
            for version in dasc.versions(stencil)
            for value in version.values
            if value.expression in expressions
        },
        holes=tuple(sorted(value_holes.union(*(part.lowered.labels for part in parts)) - {DEPTH})),
        constants=merged(item for part in parts for item in part.lowered.constants.items()),
        shared=_shared(stencil, {name: shared for part in parts for name, shared in part.lowered.shared.items()}),
        externs=frozenset[str]().union(*(part.lowered.externs for part in parts)),
        thread_locals=frozenset[str]().union(*(part.lowered.thread_locals for part in parts)),
        hot_instructions=sum(isinstance(line, InstructionLine) for line in lines),
        cold_instructions=sum(isinstance(line, InstructionLine) for line in cold_lines),
        versions=tuple(BuiltVersion(condition, hot, cold) for condition, (hot, cold) in sizes),
        without_versions=(plain.max_hot, plain.max_cold),
        conditions=tuple(
            dict.fromkeys(render_condition(test, sources) for part in parts for test in part.compiled.conditions)
        ),
    )


def _shared(stencil: Stencil, possible: Mapping[str, Stencil]) -> dict[str, SharedPart]:
    """What a stencil calls of these parts."""
    lines = [line for version in dasc.versions(stencil) for line in (*version.hot, *version.cold)]
    called = {
        name
        for line in lines
        if isinstance(line, InstructionLine)
        for operand in dasc.references(line.instruction)
        if isinstance(operand, Address) and (name := shared_part(operand)) is not None
    }
    return {name: _shared_part(possible[name]) for name in sorted(called)}


def _shared_part(part: Stencil) -> SharedPart:
    emitter = dasc.compile_stencil(part)
    listing = render_listing(part, emitter.max_hot, emitter.max_cold)
    return SharedPart(part.name, dasc.write_stencil(part), emitter.c_source, listing, emitter.max_hot)


def _tree(
    unit: Unit,
    part: CompiledFunction | Decision,
    path: tuple[str, ...],
    config: Config,
    sources: Mapping[str, HoleSource],
    parts: list[_Part],
) -> Tree:
    """The versions, lowered; all of them are added to `parts`."""
    if isinstance(part, CompiledFunction):
        lowered = _lower(unit, part, config)
        parts.append(_Part(path, part, lowered))
        return _by_distance(lowered)
    condition = render_condition(part.test, sources)
    yes = _tree(unit, part.yes, (*path, condition), config, sources, parts)
    no = _tree(unit, part.no, (*path, negated(condition)), config, sources, parts)
    return Choice(condition, yes, no, part.optional)


def _by_distance(lowered: Lowered) -> Tree:
    """A version by what is in reach. Variables of the VM lie together: one test of them all is enough."""
    plain = Leaf(lowered.stencil)
    in_vm = all("SG_EXTERN(" in pointer for pointer in lowered.pointers)
    if lowered.close is None:
        return plain if lowered.far is None else Choice(lowered.near, plain, Leaf(lowered.far))
    close = Leaf(lowered.close)
    if not lowered.pointers:
        return close if lowered.far is None else Choice(lowered.near, close, Leaf(lowered.far))
    tests = reduce(both, lowered.pointers)
    if lowered.far is None:
        return Choice(tests, close, plain)
    if in_vm:
        return Choice(both(lowered.near, tests), close, Leaf(lowered.far))
    return Choice(lowered.near, Choice(tests, close, plain), Leaf(lowered.far))


def _lower(unit: Unit, compiled: CompiledFunction, config: Config) -> Lowered:
    try:
        data = {item.label: read_data(item) for item in compiled.data}
    except UserError as error:
        raise error.at(unit.file, unit.line) from None
    conventions = _conventions(compiled.callees)
    facts = (compiled.said, compiled.lost)
    source = Source(unit, compiled.assembly, compiled.symbols, data, conventions, *facts, compiled.last)
    return lower(source, config)


def _reported(compiled: CompiledFunction) -> frozenset[str]:
    """The holes in last values."""
    effects = compiled.last.effects if compiled.last else ()
    return frozenset[str]().union(*(holes_of(effect.value) for effect in effects if effect.value is not None))


def _tested(part: CompiledFunction | Decision | None) -> frozenset[str]:
    """The holes that decide."""
    if not isinstance(part, Decision):
        return frozenset()
    return holes_of(part.test) | _tested(part.yes) | _tested(part.no)


def _paths(version: Stencil | dasc.Version, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The condition under which each version is emitted, in the order of `dasc.versions`."""
    if version.decision is None:
        yield " && ".join(path)
        return
    yield from _paths(version.decision.yes, (*path, grouped(version.decision.condition, "||")))
    yield from _paths(version.decision.no, (*path, grouped(negated(version.decision.condition), "||")))


def _texts(texts: list[tuple[tuple[str, ...], str]], comment: str) -> str:
    """The texts of all versions; where there are several, each after what leads to it."""
    if len(texts) == 1:
        return texts[0][1]
    return "\n\n".join(f"{comment}if {' and '.join(path)}\n{text}" for path, text in texts)


def _conventions(callees: Mapping[str, Callee]) -> dict[str, Convention]:
    """What each callee reads and destroys. A convention that we do not know is treated like a call through a pointer."""
    found = {}
    for name, callee in callees.items():
        known = convention(
            callee.convention,
            integers=callee.arguments.count("i") + 2 * callee.arguments.count("w"),
            vectors=sum(callee.arguments.count(kind) for kind in "dfv"),
            variadic=callee.variadic,
            returns=not callee.noreturn,
        )
        if known is not None:
            found[name] = known
    return found
