"""Units derived from stencils: functions that do what one or several stencils do, under an agreement about registers.

    derive(module, [Sequence(("LOAD",)), …], stack)  →  Derived(module of all variants, the units in it, reasons)

A unit is compiled like a stencil afterwards. What this module adds to `window` is the way there and back: values
named, each variant written beside the stencil that it comes from, and LLVM's scalar passes over the variants only, so
that the window disappears. It runs in a worker process, as all that calls LLVM.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from llvm_passes.effects import quiet
from llvm_passes.fold import function_spans, layout_of
from llvm_passes.fuse import Operands, fused, without_assumptions
from llvm_passes.holes import CONTINUE
from llvm_passes.layout import Layout
from llvm_passes.module import split_module
from llvm_passes.sequence import micro_op, pattern
from llvm_passes.text import NAME, closing, unquote
from llvm_passes.window import Height, MemoryForm, Stack, Usage, parameters, usage_of, variant

__all__ = ["TRANSITION", "DeriveRequest", "Derived", "Variant", "derive", "variant_name"]

TRANSITION = "sg_transition"
"""The base of units that do nothing but change how many entries are in registers."""


States = tuple[int, int, int]
"""How many entries are in registers before a unit, after it, and where it jumps."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One function of a derived module: the words (`sequence`) of what it does, and how many entries are in registers before
    it, after it, and where it jumps.
    """

    name: str
    parts: tuple[str, ...]
    kin: int
    kout: int
    jump: int = 0

    @property
    def states(self) -> States:
        """The numbers of entries by themselves."""
        return self.kin, self.kout, self.jump


@dataclass(frozen=True, slots=True)
class Derived:
    """ir: a module that defines nothing but the units; reasons: why a sequence has none; heights: what one says of the stack's
    height.
    """

    ir: str
    variants: tuple[Variant, ...]
    reasons: Mapping[tuple[str, ...], str]
    heights: Mapping[tuple[str, ...], Height] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeriveRequest:
    """A module's text with what is to be derived from it.

    stack: without one there are only sequences of several stencils, as they are; only: the states that are wanted of a
    sequence, all if it is not in it; operands: the holes that a sequence's words speak of.
    """

    text: str
    sequences: tuple[tuple[str, ...], ...]
    stack: Stack | None
    only: Mapping[tuple[str, ...], frozenset[States]] = field(default_factory=dict)
    operands: Operands = field(default_factory=dict)


def variant_name(parts: tuple[str, ...], kin: int, kout: int, jump: int = 0) -> str:
    """The name of a unit: also a part of a C identifier."""
    names = [*map(micro_op, parts)] or [TRANSITION]
    return "__".join([*names, *filter(None, [pattern(parts)]), f"{kin}_{kout}{f'_{jump}' if jump else ''}"])


def derive(request: DeriveRequest) -> Derived:
    """All units of the request. Raises backend.LlvmError."""
    from llvm_passes import backend

    text = quiet(backend.name_values(request.text))
    text = _with_fused(text, request.sequences, request.operands)
    functions = {name: text[start:end] for start, end, name in function_spans(text)}
    layout = Layout({match[1]: match[0] for match in re.finditer(rf"^%({NAME}) = type .*$", text, re.M)})
    attributes = {match[1]: match[2].strip() for match in re.finditer(r"^attributes (#\d+) = \{(.*)\}$", text, re.M)}
    variants: list[Variant] = []
    texts: list[str] = []
    reasons: dict[tuple[str, ...], str] = {}
    heights: dict[tuple[str, ...], Height] = {}
    for parts in request.sequences:
        source = functions[_base(parts)] if parts else _empty(next(iter(functions.values())))
        try:
            usage = usage_of(source, request.stack, layout) if request.stack else None
        except MemoryForm as error:
            reasons[parts] = str(error)
            continue
        if usage:
            heights[parts] = usage.height
        for unit, function in _variants(parts, source, request.stack, usage):
            if unit.states in request.only.get(parts, {unit.states}):
                variants.append(unit)
                texts.append(_own_attributes(function, attributes))
    names = [unit.name for unit in variants]
    if f"@{CONTINUE}(" not in text:  # needed by transitions, even if no stencil of this chunk goes on
        text += f"declare dso_local preserve_nonecc i64 @{CONTINUE}(...)\n"
    module = backend.simplify("\n".join([text, *texts, ""]), names)
    ir = _CERTAIN.sub(_more_certain, split_module(without_assumptions(str(module))).extract(names))
    return Derived(ir, tuple(variants), reasons, heights)


def _base(parts: tuple[str, ...]) -> str:
    """The function that does all parts: a stencil, or one that is made of several."""
    return parts[0] if len(parts) == 1 else f"sg_fused.{'.'.join([*map(micro_op, parts), pattern(parts)])}"


def _with_fused(text: str, sequences: Iterable[tuple[str, ...]], operands: Operands) -> str:
    """The module's text with a function for each sequence of several stencils."""
    from llvm_passes import backend

    longer = [parts for parts in sequences if len(parts) > 1]
    if not longer:
        return text
    functions = {name: text[start:end] for start, end, name in function_spans(text)}
    layout = layout_of(text)
    lines = re.finditer(rf"^declare [^\n]*?@({NAME})\([^\n]*$", text, re.M)
    declarations = {unquote(match[1]): match[0] for match in lines}
    added: dict[str, None] = {}
    for parts in longer:
        for piece in re.split(r"\n(?=define )", fused(_base(parts), parts, functions, declarations, operands, layout)):
            lines_of_piece = piece.split("\n")
            while lines_of_piece and lines_of_piece[0].startswith("declare "):
                added.setdefault(lines_of_piece.pop(0))
            added.setdefault("\n".join(lines_of_piece))
    if operands:
        added.setdefault("declare void @llvm.assume(i1 noundef)")
    return backend.inline("\n".join([text, *added, ""]))


def _variants(
    parts: tuple[str, ...], source: str, stack: Stack | None, usage: Usage | None
) -> Iterator[tuple[Variant, str]]:
    if stack is None or usage is None:
        name = variant_name(parts, 0, 0)
        yield Variant(name, parts, 0, 0), re.sub(rf"@{NAME}\(", f"@{name}(", source, count=1)
        return
    for kin, kout, jump in _states(parts, usage, stack.registers):
        name = variant_name(parts, kin, kout, jump)
        yield Variant(name, parts, kin, kout, jump), variant(usage, stack, name, kin, kout, jump)


def _states(parts: tuple[str, ...], usage: Usage, registers: int) -> Iterator[States]:
    """Which variants a sequence has. A transition moves any number of entries; where several stencils are one, entries are in
    memory where they jump.
    """
    counts = range(registers + 1)
    for kin in counts:
        if not parts:
            yield from ((kin, kout, 0) for kout in counts if kout != kin)
            continue
        for kout in usage.outs(kin, registers):
            if len(parts) > 1 or kin or kout:  # else it is the stencil itself
                yield kin, kout, 0
        for jump in counts[1:] if len(parts) == 1 and usage.jumps else ():
            natural = usage.natural_out(kin, registers, jump)
            if natural is not None:
                yield kin, natural, jump


_CERTAIN = re.compile(r'(!"branch_weights", !"expected", )i32 (1|2000), i32 (1|2000)\b')


def _more_certain(match: re.Match[str]) -> str:
    """What the author calls unlikely is much less likely than LLVM takes it to be: where several such ways meet in a block
    that writes entries back, it would count as hot.
    """
    first, second = ("1048576" if weight == "2000" else weight for weight in match.groups()[1:])
    return f"{match[1]}i32 {first}, i32 {second}"


def _empty(stencil: str) -> str:
    """A stencil that only continues, with the parameters of this one."""
    header = stencil.split("\n", 1)[0]
    start = header.index("(", header.index("@"))
    end = closing(header, start)
    types = [piece.split(" ", 1)[0] for piece in parameters(header)]
    named = ", ".join(f"{type_} %sg.a{number}" for number, type_ in enumerate(types))
    before = re.sub(rf"@{NAME}$", f"@{TRANSITION}", header[:start])
    return (
        f"{before}({named}){header[end + 1 :]}\nentry:\n"
        f"  %sg.result = musttail call preserve_nonecc i64 @{CONTINUE}({named})\n  ret i64 %sg.result\n}}"
    )


def _own_attributes(function: str, attributes: Mapping[str, str]) -> str:
    """The function with its attribute group written out, without what it said about memory: a variant stores more."""
    header, body = function.split("\n", 1)
    match = re.search(r" (#\d+)(?= |$)", header)
    if match:
        kept = re.sub(r"(?:^| )memory\([^)]*\)", "", attributes[match[1]])
        header = f"{header[: match.start()]} {kept}{header[match.end() :]}"
    return f"{header}\n{body}"
