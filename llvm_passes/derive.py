"""Units derived from stencils: functions that do what one or several stencils do, under an agreement about registers.

    derive(module, [Sequence(("LOAD",)), …], stack)  →  Derived(module of all variants, the units in it, reasons)

A unit is compiled like a stencil afterwards. What this module adds to `window` is the way there and back: values
named, each variant written beside the stencil that it comes from, and LLVM's scalar passes over the variants only, so
that the window disappears. It runs in a worker process, as all that calls LLVM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llvm_passes.fold import function_spans
from llvm_passes.layout import Layout
from llvm_passes.module import split_module
from llvm_passes.text import NAME, closing
from llvm_passes.window import MemoryForm, Stack, parameters, usage_of, variant

__all__ = ["TRANSITION", "DeriveRequest", "Derived", "Variant", "derive", "variant_name"]

TRANSITION = "sg_transition"
"""The base of units that do nothing but change how many entries are in registers."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One function of a derived module: which stencils it does, in order, and how many entries are in registers before
    and after.
    """

    name: str
    parts: tuple[str, ...]
    kin: int
    kout: int


@dataclass(frozen=True, slots=True)
class Derived:
    """ir: a module that defines nothing but the units; reasons: why a sequence has none."""

    ir: str
    variants: tuple[Variant, ...]
    reasons: Mapping[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class DeriveRequest:
    """A module's text with what is to be derived from it."""

    text: str
    sequences: tuple[tuple[str, ...], ...]
    stack: Stack


def variant_name(parts: tuple[str, ...], kin: int, kout: int) -> str:
    """The name of a unit: also a part of a C identifier."""
    return f"{'__'.join(parts) or TRANSITION}__{kin}_{kout}"


def derive(request: DeriveRequest) -> Derived:
    """All units of the request. Raises backend.LlvmError."""
    from llvm_passes import backend

    text = backend.name_values(request.text)
    functions = {name: text[start:end] for start, end, name in function_spans(text)}
    layout = Layout({match[1]: match[0] for match in re.finditer(rf"^%({NAME}) = type .*$", text, re.M)})
    attributes = {match[1]: match[2].strip() for match in re.finditer(r"^attributes (#\d+) = \{(.*)\}$", text, re.M)}
    variants: list[Variant] = []
    texts: list[str] = []
    reasons: dict[tuple[str, ...], str] = {}
    for parts in request.sequences:
        source = functions[parts[0]] if parts else _empty(next(iter(functions.values())))
        try:
            for unit, function in _variants(parts, source, request.stack, layout):
                variants.append(unit)
                texts.append(_own_attributes(function, attributes))
        except MemoryForm as error:
            reasons[parts] = str(error)
    names = [unit.name for unit in variants]
    module = backend.simplify("\n".join([text, *texts, ""]), names)
    ir = _CERTAIN.sub(_more_certain, split_module(str(module)).extract(names))
    return Derived(ir, tuple(variants), reasons)


def _variants(parts: tuple[str, ...], source: str, stack: Stack, layout: Layout) -> Iterator[tuple[Variant, str]]:
    usage = usage_of(source, stack, layout)
    for kin in range(stack.registers + 1):
        for kout in usage.outs(kin, stack.registers):
            if not parts and kout >= kin:
                continue  # nothing to do
            if parts and kin == kout == 0:
                continue  # the stencil itself
            name = variant_name(parts, kin, kout)
            yield Variant(name, parts, kin, kout), variant(usage, stack, name, kin, kout)


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
        f"  %sg.result = musttail call preserve_nonecc i64 @__sg_continue({named})\n  ret i64 %sg.result\n}}"
    )


def _own_attributes(function: str, attributes: Mapping[str, str]) -> str:
    """The function with its attribute group written out, without what it said about memory: a variant stores more."""
    header, body = function.split("\n", 1)
    match = re.search(r" (#\d+)(?= |$)", header)
    if match:
        kept = re.sub(r"(?:^| )memory\([^)]*\)", "", attributes[match[1]])
        header = f"{header[: match.start()]} {kept}{header[match.end() :]}"
    return f"{header}\n{body}"
