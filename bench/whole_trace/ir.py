"""A trace as one LLVM function: every micro-op's stencil inlined, its holes filled with constants.

    @whole_trace  =  musttail @op_0  →  @op_1  →  …  →  back to @whole_trace, or @exit_17

The key idea: stencils are tail calls already. Each micro-op gets a copy of its stencil in which `__sg_continue` is the next
copy, `__sg_exit` an exit of its own, and each hole a function that returns a constant; inlining them one into the other
makes the trace, and the tail call back to its head a loop.

What is known of locations at a micro-op (HOLDS) is a function of its own, too: it answers what emission has found out,
and what is trusted is assumed. What micro-ops say of them (LEARN) is nothing then.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from llvm_passes.cold import mark
from llvm_passes.module import Module, split_module

__all__ = ["Address", "Operation", "Unknown", "holes_of", "whole_trace"]

_HOLE = re.compile(r"@__sg_hole_(b|[iu]\d+|f\d+|p)_(\w+)\(")
_LABEL = re.compile(r"@__sg_label_(\w+)\(")
_ANY_64_BITS = "!1000000"
_ANYWHERE = f'external dso_local global i8, code_model "large", align {{}}, !absolute_symbol {_ANY_64_BITS}'
"""Of what the code refers to by all 64 bits of its address, like other constants that wide."""
_STATE = re.compile(r"^define [^@]*@[^(]*\((.*)\)", re.M)


@dataclass(frozen=True, slots=True)
class Address:
    """Of a global of the VM, plus an offset."""

    symbol: str
    offset: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """An address that is known only where the code will run, `address_NUMBER` to the linker. LLVM may use that it is a multiple
    of something, and that objects at two of them do not overlap: equal addresses must have equal numbers.
    """

    number: int
    multiple_of: int

    @property
    def symbol(self) -> str:
        return f"address_{self.number}"


Value = int | float | Address | Unknown


@dataclass(frozen=True, slots=True)
class Operation:
    """A micro-op: the stencil's name, the holes' values, and what is known before it: the facts that hold, by location."""

    name: str
    holes: Mapping[str, Value]
    known: Mapping[int, int] = field(default_factory=dict)


def holes_of(module: Module, name: str) -> set[tuple[str, str]]:
    """What a stencil reads: each hole's kind, "label" for one that it jumps to, and name."""
    text = module.functions[name]
    return set(_HOLE.findall(text)) | {("label", hole) for hole in _LABEL.findall(text)}


def whole_trace(module: Module, trace: Sequence[Operation], *, no_alias: bool, stubs: bool = True) -> str:
    """LLVM IR that defines `whole_trace`; it needs `whole_trace_exit` and `whole_trace_index`, or, without stubs, each `exit_N`.

    no_alias: let LLVM know that what one pointer of the state leads to, no other does: locals are not on the operand stack.
    """
    names = sorted({operation.name for operation in trace})
    marked = split_module(
        mark(module.extract(names)).replace('"frame-pointer"="reserved"', "").replace("noredzone", "")
    )
    parameters = _STATE.search(marked.functions[names[0]])
    assert parameters is not None
    state = parameters[1]
    (entered,) = (node for node, text in marked.metadata.items() if "function_entry_count" in text)
    heads = {0} | {_integer(op.holes[hole]) for op in trace for hole in _labels(marked, op)}
    usual = len(trace) - 1 if _only_exits(marked.functions[trace[-1].name]) else len(trace)
    functions, extra, used = [], {}, set()
    known: dict[str, int] = {}
    for head in sorted(heads):
        functions.append(_head(_head_name(head), head, state, no_alias, entered))
    for index, operation in enumerate(trace):
        body = marked.functions[operation.name]
        body = re.sub(rf"@{re.escape(operation.name)}\(", f"@op_{index}(", body, count=1)
        body = re.sub(r"^define .*?(?=preserve_nonecc)", "define internal ", body, count=1)
        body = body.replace(" nounwind ", " alwaysinline nounwind ", 1)
        following = index + 1
        body = body.replace("@__sg_continue(", f"@{_target(following, heads, len(trace))}(")
        if "@__sg_exit(" in body:
            body = body.replace("@__sg_exit(", f"@exit_{index}(")
            used.add(index)
        if index == usual:
            body = re.sub(rf"(@exit_{index}\(.*\)) #\d+$", r"\1", body, flags=re.M)  # which says `cold`
        if following == len(trace):
            used.add(following)
        for hole in set(_LABEL.findall(body)):
            target = _integer(operation.holes[hole])
            body = body.replace(f"@__sg_label_{hole}(", f"@{_target(target, heads, len(trace))}(")
        for kind, hole in set(_HOLE.findall(body)):
            own = f"hole_{index}_{kind}_{hole}"
            body = body.replace(f"@__sg_hole_{kind}_{hole}(", f"@{own}(")
            declaration = marked.declarations[f"__sg_hole_{kind}_{hole}"]
            functions.append(_constant(own, declaration, operation.holes[hole]))
            match operation.holes[hole]:
                case Address(symbol, _) if symbol not in marked.globals:
                    extra[symbol] = f"@{symbol} = external dso_local global i8, align 16"
                case Unknown(_, multiple) as unknown:
                    known[unknown.symbol] = max(known.get(unknown.symbol, 1), multiple)
        if "@__sg_fact_holds(" in body:
            body = body.replace("@__sg_fact_holds(", f"@holds_{index}(")
            functions.append(_holds(f"holds_{index}", operation.known))
        functions.append(body)
    exits = [
        f"declare dso_local hidden preserve_nonecc i64 @exit_{index}({state}){'' if index == usual else ' cold'}"
        for index in sorted(used)
    ]
    return "\n".join(
        [
            marked.header,
            *(f'module asm "{line}"' for index in sorted(used) if stubs for line in _exit(index)),
            *marked.types.values(),
            *marked.globals.values(),
            *extra.values(),
            *(f"@{symbol} = {_ANYWHERE.format(multiple)}" for symbol, multiple in known.items()),
            *(text for name, text in marked.declarations.items() if not name.startswith("__sg_")),
            *exits,
            *_said_and_trusted(marked),
            *functions,
            *marked.attributes.values(),
            *marked.named_metadata.values(),
            *(f"{name} = {text}" for name, text in marked.metadata.items()),
            f"{_ANY_64_BITS} = !{{i64 -1, i64 -1}}",
            "",
        ]
    )


def _only_exits(body: str) -> bool:
    """Whether a stencil always leaves the trace: as the last micro-op it is how the trace ends, and not rare."""
    return "@__sg_continue(" not in body and not _LABEL.search(body)


def _labels(module: Module, operation: Operation) -> set[str]:
    return set(_LABEL.findall(module.functions[operation.name]))


def _integer(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _head_name(index: int) -> str:
    return "whole_trace" if index == 0 else f"loop_{index}"


def _target(index: int, heads: set[int], length: int) -> str:
    if index == length:
        return f"exit_{length}"
    return _head_name(index) if index in heads else f"op_{index}"


def _head(name: str, index: int, state: str, no_alias: bool, entered: str) -> str:
    """A place that jumps go to: a function of its own, whose tail calls of itself become a loop before it is inlined. entered:
    the metadata that says how often, without which LLVM does not tell hot code from cold.
    """
    given = state.replace("ptr noundef", "ptr noalias noundef") if no_alias else state
    linkage = "dso_local hidden" if index == 0 else "internal"
    return (
        f"define {linkage} preserve_nonecc i64 @{name}({given}) nounwind "
        f"!prof {entered} {{\n"
        f"  %result = musttail call preserve_nonecc i64 @op_{index}({_untyped(state)})\n  ret i64 %result\n}}"
    )


def _untyped(state: str) -> str:
    """Parameters as arguments: without attributes that only a definition may have."""
    return ", ".join(re.sub(r"^(\w+) .*?(%\S+)$", r"\1 \2", parameter.strip()) for parameter in state.split(","))


def _constant(name: str, declaration: str, value: Value) -> str:
    match = re.match(r"declare (?:dso_local )?((?:\w+ )*?)(i\d+|ptr|float|double) @", declaration)
    assert match is not None, declaration
    kind = match[2]
    if isinstance(value, Address | Unknown):
        offset = value.offset if isinstance(value, Address) else 0
        place = f"getelementptr (i8, ptr @{value.symbol}, i64 {offset})"
        text = place if kind == "ptr" else f"ptrtoint (ptr {place} to {kind})"
    elif kind == "ptr":
        text = f"inttoptr (i64 {value} to ptr)"
    elif kind in ("float", "double"):
        text = f"0x{struct.pack('>d', value).hex()}"  # a float as the double that it is
    else:
        assert isinstance(value, int)
        text = str(value % (1 << int(kind[1:])))
    return f"define internal {match[1]}{kind} @{name}() alwaysinline {{\n  ret {kind} {text}\n}}"


def _holds(name: str, known: Mapping[int, int]) -> str:
    """Whether facts are among those that hold at a location."""
    masks = {facts: f"known_{facts}" for facts in sorted(set(known.values()))}
    cases = " ".join(f"i32 {location}, label %{masks[facts]}" for location, facts in sorted(known.items()))
    answers = "".join(
        f"\n{label}:\n  %and_{facts} = and i32 %facts, {facts}\n"
        f"  %all_{facts} = icmp eq i32 %and_{facts}, %facts\n  ret i1 %all_{facts}"
        for facts, label in masks.items()
    )
    return (
        f"define internal i1 @{name}(i32 %location, i32 %facts) alwaysinline {{\n"
        f"  switch i32 %location, label %nothing [ {cases} ]\nnothing:\n  ret i1 false{answers}\n}}"
    )


_QUESTIONS = {
    "__sg_fact_trust": "i1 {}(i32 %location, i32 %facts, i1 %predicate) alwaysinline {{\n"
    "  call void @llvm.assume(i1 %predicate)\n  ret i1 true\n}}",
    "__sg_fact_is_constant": "i1 {}(i32 %location) alwaysinline {{\n  ret i1 false\n}}",
    "__sg_fact_constant": "i64 {}(i32 %location) alwaysinline {{\n  ret i64 0\n}}",
}
_EFFECT = re.compile(r"declare .*?void (@__sg_effect_\w+)\(([^)]*)\)")


def _said_and_trusted(module: Module) -> Iterator[str]:
    """What is trusted is true; values are not known; what micro-ops say is known already."""
    for name, definition in _QUESTIONS.items():
        if name in module.declarations:
            yield f"define internal {definition.format(f'@{name}')}"
    for declaration in module.declarations.values():
        if effect := _EFFECT.match(declaration):
            yield f"define internal void {effect[1]}({effect[2]}) alwaysinline {{\n  ret void\n}}"
    if "__sg_fact_trust" in module.declarations and "llvm.assume" not in module.declarations:
        yield "declare void @llvm.assume(i1)"


def _exit(index: int) -> list[str]:
    lines = [".section .text.unlikely.exits,\\22ax\\22,@progbits", f".globl exit_{index}", f".hidden exit_{index}"]
    return [*lines, f"exit_{index}: movl ${index}, whole_trace_index(%rip)", "jmp whole_trace_exit", ".text"]
