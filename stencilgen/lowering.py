"""One version of a stencil from LLVM's assembly text to a laid-out stencil.

This is the middle of the pipeline, and reads like it: text → statements → control-flow graph → frame stripped →
peepholes → hot and cold lines. Here, and only here, the two worlds meet: JIT-time expressions of the IR become opaque
symbols of the assembler, and their texts in C.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from dasc import InstructionLine, LabelHole, Line, Stencil, Value
from llvm_passes.effects import Effect
from llvm_passes.expression import JitExpr, Operation, SymbolAddress, holes_of
from llvm_passes.fuse import EXIT_LABEL
from llvm_passes.last_values import LastValues, is_write
from llvm_passes.ranges import range_of
from llvm_passes.symbols import JitSymbol
from stencilgen.assembly import Data, read_function
from stencilgen.config import Config, Hole
from stencilgen.emit.constants import constant_name, merged, reachable
from stencilgen.emit.effects import effect_texts
from stencilgen.emit.expressions import HoleSource, is_postfix, promises_of, render
from stencilgen.errors import UserError
from stencilgen.last import conventions as write_conventions
from stencilgen.layout.blocks import build_code
from stencilgen.layout.code import Code, Convention
from stencilgen.layout.conventions import INDIRECT, LIBCALL, state_registers
from stencilgen.layout.frame import strip_frame
from stencilgen.layout.liveness import Liveness
from stencilgen.layout.placement import place, thread_jumps
from stencilgen.layout.shared_cold import PREFIX, share_cold
from stencilgen.layout.stack_maps import gather_stack_maps
from stencilgen.layout.tails import merge_tails
from stencilgen.peephole import optimize
from stencilgen.reach import far_version, near_version, use_directly, variables
from stencilgen.unit import Unit
from x86_64 import Address, Label, Memory, Symbol, Symbolic

__all__ = ["Lowered", "Source", "assumed", "hole_sources", "label_holes", "lower", "promised"]

_LABEL_PREFIX = "__sg_label_"
_THREAD_OFFSET = "@TPOFF"


@dataclass(frozen=True, slots=True)
class Source:
    """One unit as LLVM made it, and what must be known of its surroundings.

    data: the constants in reach; conventions: of the functions it calls; said: what it says about facts when it goes on;
    lost: what it takes back before it jumps; last: what it does with declared places.
    """

    unit: Unit
    assembly: str
    symbols: Mapping[str, JitSymbol]
    data: Mapping[str, Data]
    conventions: Mapping[str, Convention]
    said: tuple[Effect, ...] = ()
    lost: tuple[Effect, ...] = ()
    last: LastValues | None = None


@dataclass(frozen=True, slots=True)
class Lowered:
    """A laid-out stencil. far: the same for VM variables out of reach, if it uses any and can do without their being near;
    near: the C condition that tells. close: the same for JIT-time pointers in reach, where that is shorter; pointers: the
    conditions.

    constants: what it refers to as `SG_RODATA(name)`, by that name; shared: what cold code it calls as `SG_COLD(name)`;
    externs: VM symbols it refers to by address, and thread_locals by their offset from the thread pointer; rules: how often
    each peephole rule fired; expressions: what the C of each value stands for, in the notation of the IR; values, labels: the
    holes whose value or position it needs.
    """

    stencil: Stencil
    far: Stencil | None
    near: str
    close: Stencil | None
    pointers: tuple[str, ...]
    constants: Mapping[str, Data]
    shared: Mapping[str, Stencil]
    externs: frozenset[str]
    thread_locals: frozenset[str]
    rules: Mapping[str, int]
    expressions: Mapping[str, str]
    values: frozenset[str]
    labels: frozenset[str]


def hole_sources(holes: Mapping[str, Hole]) -> dict[str, HoleSource]:
    """Where each hole's value comes from."""
    return {
        name: HoleSource(hole.value, hole.type, hole.promise) for name, hole in holes.items() if hole.kind == "value"
    }


def label_holes(holes: Mapping[str, Hole]) -> dict[str, LabelHole]:
    """What the boundary functions of label holes stand for, by name."""
    return {f"{_LABEL_PREFIX}{name}": LabelHole(hole.value) for name, hole in holes.items() if hole.kind == "label"}


def lower(source: Source, config: Config) -> Lowered:
    """Lower one stencil. UserError, at the stencil's file and line, for what cannot be carried in a trace."""
    try:
        return _lower(source, config)
    except UserError as error:
        raise error.at(source.unit.file, source.unit.line) from None


def _lower(source: Source, config: Config) -> Lowered:
    unit = source.unit
    labels = label_holes(unit.holes)
    names = _Names(source, labels)
    function = read_function(unit.name, source.assembly, names.resolve)
    conventions = (
        dict.fromkeys(names.externs, LIBCALL) | dict(source.conventions) | dict(write_conventions(source.last))
    )
    code = build_code(function, state_registers(unit.state), conventions, INDIRECT, labels)
    code = strip_frame(code, file=unit.file, line=unit.line)
    code = thread_jumps(gather_stack_maps(code, file=unit.file, line=unit.line))
    code, rules = optimize(use_directly(code))
    code, shared_tails = merge_tails(thread_jumps(code))
    parts: dict[str, tuple[Line, ...]] = {}
    hot, cold = _place(code, parts, config)
    far = far_version(code) if variables(code) else None  # what reaches the VM's variables wherever they are
    far_lines = None if far is None else _place(far, parts, config)
    close, pointers = near_version(code)
    close_lines = _place(close, parts, config) if pointers else None
    used = _symbols_in((*hot, *cold))
    sources = hole_sources(unit.holes)
    _require_values(unit, names.holes(), sources)
    offsets = tuple(
        Value(symbol, f"SG_THREAD_OFFSET({name})", 64, checked=True)
        for name, symbol in names.thread_locals.items()
        if symbol.name in used
    )
    computed = tuple(
        Value(symbol, render(jit.expression, sources, names.place), 64)
        for symbol, jit in names.symbols.values()
        if symbol.name in used
    )
    jump = "SG_JUMPS_KNOWING_NOTHING" if source.lost else "SG_JUMPS"
    targets = sorted(hole for hole in names.labels if not hole.startswith(EXIT_LABEL)) if config.facts else []
    jumps = tuple(f"{jump}({unit.holes[hole].value})" for hole in targets)
    stencil = Stencil(
        name=unit.name + unit.suffix,
        source=f"{unit.file}:{unit.line}" if unit.file else "",
        frame=code.frame,
        parameters=(f"const {config.instruction.type} *instruction",),
        values=(*offsets, *computed),
        hot=hot,
        cold=cold,
        effects=(*jumps, *effect_texts(source.said, sources, names.place)),
    )
    constants = reachable(names.constants.values(), source.data)
    return Lowered(
        stencil=stencil,
        constants=_renamed(constants, source.data),
        shared={
            name: Stencil(name, parameters=stencil.parameters, hot=lines, source="shared")
            for name, lines in parts.items()
        },
        externs=_externs((*hot, *cold, *chain.from_iterable(parts.values())))
        | names.places
        | _data_externs(unit.name, constants),
        thread_locals=frozenset(names.thread_locals),
        far=None if far_lines is None else replace(stencil, hot=far_lines[0], cold=far_lines[1]),
        near=" && ".join(f"SG_NEAR({name})" for name in sorted(variables(code))),
        close=None if close_lines is None else replace(stencil, hot=close_lines[0], cold=close_lines[1]),
        pointers=tuple(
            f"SG_NEAR_AT({render(jit.expression, sources, names.place)})"
            for symbol, jit in names.symbols.values()
            if symbol.name in pointers and not _is_in_constants(jit.expression, source.data, sources)
        ),
        rules={**rules, "shared_tail": shared_tails},
        expressions={
            render(jit.expression, sources, names.place): str(jit.expression)
            for symbol, jit in names.symbols.values()
            if symbol.name in used
        },
        values=names.holes()
        | {hole for effect in source.said for value in effect.operands for hole in holes_of(value)},
        labels=frozenset(names.labels),
    )


def promised(holes: Iterable[str], sources: Mapping[str, HoleSource]) -> tuple[Value, ...]:
    """What is promised of the holes in the configuration, as values to verify."""
    return tuple(check for hole in sorted(holes) for check in _checks(hole, sources[hole]))


def assumed(unit: Unit, promises: Collection[JitExpr], sources: Mapping[str, HoleSource]) -> tuple[Value, ...]:
    """What the stencil assumes of its holes, as values to verify."""
    _require_values(unit, frozenset[str]().union(*map(holes_of, promises)), sources)
    return tuple(
        Value(Symbol(f"assumed{number}", 1, 1), render(promise, sources), 64, checked=True)
        for number, promise in enumerate(promises)
    )


def _checks(hole: str, source: HoleSource) -> Iterator[Value]:
    promise = source.promise
    if promise is None:
        return
    if promise.is_bounded:
        yield Value(Symbol(f"{hole}_", promise.low, promise.high), source.value, 64, checked=True)
    if promise.multiple_of > 1:
        value = source.value if is_postfix(source.value) else f"({source.value})"
        remainder = f"(uint64_t){value} % {promise.multiple_of}"
        yield Value(Symbol(f"{hole}_remainder", 0, 0), remainder, 64, checked=True)


def _require_values(unit: Unit, holes: frozenset[str], sources: Mapping[str, HoleSource]) -> None:
    """UserError if one of them is a label."""
    for hole in sorted(holes - sources.keys()):
        what = f"stencil {unit.name}: HOLE(…, {hole}) reads a label as a value"
        raise UserError(what, remedy=f"write JUMP({hole}) to go there", file=unit.file, line=unit.line)


def _is_in_constants(expression: JitExpr, data: Mapping[str, Data], sources: Mapping[str, HoleSource]) -> bool:
    """Whether it is an address in the context's own constants, which are in reach wherever the code is."""
    match expression:
        case Operation("add", _, (SymbolAddress(name), offset)) | Operation("add", _, (offset, SymbolAddress(name))):
            return name in data and range_of(offset, promises_of(sources)).high < 1 << 19
    return False


def _place(code: Code, parts: dict[str, tuple[Line, ...]], config: Config) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """Hot and cold lines; what they call of cold code that can be shared is added to `parts`."""
    if config.code.share:
        code, shared = share_cold(code)
        parts |= shared
    return place(code, Liveness(code))


class _Names:
    """What the names in a stencil's assembly stand for; gathers what was met."""

    def __init__(self, source: Source, labels: Mapping[str, LabelHole]) -> None:
        self._source = source
        self._unit = source.unit
        self._labels = labels
        self.symbols: dict[str, tuple[Symbol, JitSymbol]] = {}
        self.constants: dict[str, str] = {}
        self.externs: set[str] = set()
        self.thread_locals: dict[str, Symbol] = {}
        self.labels: set[str] = set()
        self.places: set[str] = set()

    def holes(self) -> frozenset[str]:
        """The holes whose values were met."""
        return frozenset(hole for _, jit in self.symbols.values() for hole in holes_of(jit.expression))

    def resolve(self, name: str) -> Symbol | Address | Label:
        if name in self._source.symbols:
            return self._symbol(name)
        if name in self._unit.boundaries:
            return self._unit.boundaries[name]
        if name.startswith(_LABEL_PREFIX) and name not in self._labels:
            hole = name.removeprefix(_LABEL_PREFIX)
            raise UserError(
                f"stencil {self._unit.name}: JUMP({hole}), but the hole {hole} is not a label",
                remedy=f'write {hole} = {{ value = …, kind = "label" }} in [holes]',
            )
        if name.startswith(_LABEL_PREFIX):
            self.labels.add(name.removeprefix(_LABEL_PREFIX))
            return Label(name)
        if name.startswith((".LBB", f"{self._unit.name}.cold")):
            return Label(name)
        if name in self._source.data:
            return Address(self._constant(name))
        if name.startswith(".L"):
            return Label(name)  # `1:` and `1b` in inline assembly
        if name.endswith(_THREAD_OFFSET):
            return self._thread_local(name.removesuffix(_THREAD_OFFSET))
        if is_write(name):
            return Address(name)
        _require_plain(self._unit.name, name)
        self.externs.add(name)
        return Address(name)

    def place(self, name: str) -> str:
        """The C lvalue at the address of a constant or VM symbol, as part of a JIT-time expression."""
        if name in self._source.data:
            return self._constant(name)
        _require_plain(self._unit.name, name)
        self.places.add(name)
        return f"SG_EXTERN({name})"

    def _constant(self, name: str) -> str:
        new_name = constant_name(name, self._source.data)
        self.constants[new_name] = name
        return f"SG_RODATA({new_name})"

    def _thread_local(self, name: str) -> Symbol:
        """The variable's offset from the thread pointer: the same in all threads, and known when the VM runs."""
        _require_plain(self._unit.name, name)
        if name not in self.thread_locals:
            self.thread_locals[name] = Symbol(f"T{len(self.thread_locals)}", -(1 << 31), (1 << 31) - 1)
        return self.thread_locals[name]

    def _symbol(self, name: str) -> Symbol:
        if name not in self.symbols:
            jit = self._source.symbols[name]
            short = f"{'W' if jit.wide else 'E'}{len(self.symbols)}"
            self.symbols[name] = (Symbol(short, jit.low, jit.high), jit)
        return self.symbols[name][0]


def _operands(lines: tuple[Line, ...]) -> list[object]:
    """Every operand, and every part of a memory operand, of these lines."""
    found: list[object] = []
    for line in lines:
        if isinstance(line, InstructionLine):
            for operand in line.instruction.operands:
                found.append(operand)
                if isinstance(operand, Memory):
                    found += (operand.displacement, operand.target)
    return found


def _symbols_in(lines: tuple[Line, ...]) -> set[str]:
    names = {operand.symbol.name for operand in _operands(lines) if isinstance(operand, Symbolic)}
    places = (operand.name for operand in _operands(lines) if isinstance(operand, Address))
    return names.union(*(re.findall(r"\((W\d+)", place) for place in places if place.startswith("SG_")))


def _externs(lines: tuple[Line, ...]) -> frozenset[str]:
    names = (operand.name for operand in _operands(lines) if isinstance(operand, Address))
    return frozenset(name for name in names if not name.startswith(("SG_RODATA(", "SG_AT(", "SG_LITERAL(", PREFIX)))


def _data_externs(stencil: str, constants: Mapping[str, Data]) -> frozenset[str]:
    names = {r.symbol for item in constants.values() for r in item.relocations if r.symbol not in constants}
    for name in sorted(names):
        _require_plain(stencil, name)
    return frozenset(names)


def _require_plain(stencil: str, name: str) -> None:
    """The generated header has to spell it, for any C compiler."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise UserError(
            f"stencil {stencil}: cannot refer to the symbol '{name}'",
            remedy="give it a name of ASCII letters, digits and underscores",
        )


def _renamed(constants: Mapping[str, Data], data: Mapping[str, Data]) -> dict[str, Data]:
    """The constants under the names that their content gives them."""
    new = {name: constant_name(name, data) for name in constants}
    return merged(
        (
            new[name],
            replace(
                item,
                name=new[name],
                relocations=tuple(replace(r, symbol=new.get(r.symbol, r.symbol)) for r in item.relocations),
            ),
        )
        for name, item in constants.items()
    )
