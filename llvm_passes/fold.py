"""The fold pass: replace everything a stencil computes from its holes by one absolute symbol per maximal expression.

    %h = call i16 @__sg_hole_oparg()
    %i = zext i16 %h to i64                      →    %p = getelementptr i8, ptr %frame, i64 ptrtoint (ptr @E to i64)
    %p = getelementptr ptr, ptr %frame, i64 %i        where E is oparg * 8

The key idea: what `spread` finds to be known at JIT time disappears, and whatever else uses it sees a constant. Pointers
are the exception: LLVM takes for granted that distinct globals do not overlap, so a JIT-time pointer that memory is or may
be accessed through (at once, after a phi, a select or an index, or after it has been stored) becomes the result of a pure
`movabsq` marker, about which LLVM knows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from llvm_passes.addends import move_addends
from llvm_passes.arms import move_into_arms
from llvm_passes.body import Body
from llvm_passes.decisions import left_over
from llvm_passes.expression import JitExpr
from llvm_passes.holes import HOLE_PREFIX, QUESTION_PREFIX
from llvm_passes.instructions import global_address
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.leftovers import is_plain_use, put_right
from llvm_passes.ranges import Promise
from llvm_passes.spread import holes_alone, jit_values
from llvm_passes.symbols import SYMBOL_PREFIX, JitSymbol, SymbolTable, declaration, marker_call
from llvm_passes.text import NAME, unquote


@dataclass(frozen=True, slots=True)
class FoldOptions:
    """What the caller knows beyond the IR.

    `promises` bounds holes more tightly than their types. `assume` gives the value of JIT-time expressions: folding the
    same text under `{condition: 1}` and `{condition: 0}` makes its two versions. Without `expressions` only holes
    themselves are folded, and code computes the rest: to measure what folding brings.
    """

    promises: Mapping[str, Promise] = field(default_factory=dict)
    assume: Mapping[JitExpr, int] = field(default_factory=dict)
    expressions: bool = True

    @property
    def knowledge(self) -> Knowledge:
        """All of it."""
        knowledge = Knowledge(self.promises)
        for expression, value in self.assume.items():
            knowledge = knowledge.assuming(expression, value)
        return knowledge


@dataclass(frozen=True, slots=True)
class FoldedModule:
    """A module after folding; `symbols` by name, over all functions.

    `conditions`, by function, are the JIT-time values that its branches, switches and selects still test.
    """

    ir: str
    symbols: Mapping[str, JitSymbol]
    conditions: Mapping[str, tuple[JitExpr, ...]]


def fold(ir_text: str, options: FoldOptions | None = None) -> FoldedModule:
    """Fold every function of a module whose values all have names (see `backend.name_values`) and that has no debug
    information.
    """
    options = options or FoldOptions()
    tables: dict[str, SymbolTable] = {}
    text = fold_into(ir_text, options, tables)
    symbols = {name: symbol for table in tables.values() for name, symbol in table.symbols.items()}
    tested = {name: left_over(text[start:end], symbols) for start, end, name in function_spans(text)}
    return FoldedModule(
        with_declarations(text, symbols), symbols, {name: found for name, found in tested.items() if found}
    )


def with_declarations(text: str, symbols: Mapping[str, JitSymbol]) -> str:
    """`text` with a declaration for each symbol that it uses and does not declare yet."""
    used = set(re.findall(rf"@({SYMBOL_PREFIX}\w+)", text))
    declared = set(re.findall(rf"^@({SYMBOL_PREFIX}\w+) =", text, re.M))
    return text + "".join(declaration(name, symbols[name]) + "\n" for name in symbols if name in used - declared)


def fold_into(
    ir_text: str, options: FoldOptions, tables: dict[str, SymbolTable], names: Collection[str] | None = None
) -> str:
    """Fold a module's text, or only its functions `names`, adding to one symbol table per function; symbols are not
    declared yet.
    """
    layout = layout_of(ir_text)
    pieces: list[str] = []
    position = 0
    for start, end, name in function_spans(ir_text):
        text = ir_text[start:end]
        if names is not None and name not in names:
            continue
        if any(f"@{prefix}" in text for prefix in (HOLE_PREFIX, SYMBOL_PREFIX, QUESTION_PREFIX)):
            if name not in tables:
                tables[name] = SymbolTable(name, options.knowledge)
            pieces += [ir_text[position:start], fold_function(text, layout, tables[name], options.expressions)]
            position = end
    pieces.append(ir_text[position:])
    return "".join(pieces)


def layout_of(ir_text: str) -> Layout:
    """The sizes of a module's types."""
    return Layout({match[1]: match[0] for match in re.finditer(rf"^%({NAME}) = type .*$", ir_text, re.M)})


def function_spans(ir_text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, name) of every function definition: `ir_text[start:end]` is `define … }`."""
    end = 0
    while (start := ir_text.find("\ndefine ", end)) >= 0 or (end == 0 and ir_text.startswith("define ")):
        start = start + 1 if start >= 0 else 0
        end = ir_text.index("\n}", start) + 2
        match = re.compile(rf"@({NAME})\(").search(ir_text, start)
        assert match is not None
        yield start, end, unquote(match[1])


def fold_function(text: str, layout: Layout, table: SymbolTable, expressions: bool = True) -> str:
    """Fold one function's text; without `expressions` nothing but its holes."""
    return _Fold(text, layout, table).run(expressions)


class _Fold:
    def __init__(self, text: str, layout: Layout, table: SymbolTable) -> None:
        self.body = Body(text)
        self.layout = layout
        self.table = table
        self.jit: dict[str, JitExpr] = {}
        self.types: dict[str, str] = {}

    def run(self, expressions: bool) -> str:
        put_right(self.body, self.table, self.layout, self._resolve)
        values = (jit_values if expressions else holes_alone)(
            self.body, self.layout, self._resolve, self.table.knowledge
        )
        if expressions and move_into_arms(self.body, values, self.table, self.layout, self._resolve):
            self.body = Body(self.body.text())
            values = jit_values(self.body, self.layout, self._resolve, self.table.knowledge)
        self.jit, self.types = values.expressions, values.types
        if self.jit:
            markers = self._anchors()
            if expressions:
                move_addends(self.body, self.jit, frozenset(markers), self.table, self.layout)
            self._substitute(markers)
        return self.body.text()

    def _resolve(self, token: str) -> JitExpr:
        return self.table.value(token) or global_address(token)

    def _anchors(self) -> set[str]:
        """The JIT-time values that need a marker: pointers that memory is accessed through, in the end, at a fixed
        base.

        A constant offset from such a pointer stays a run-time `getelementptr`: fields of one object share one marker.
        """
        anchored = {name for name in self.jit if self._is_base(name)}
        pending = list(anchored)
        while pending:
            name = pending.pop()
            base = self._constant_offset_base(name)
            related = [base] if base else []
            related += [other for other in self._users_by_constant_offset(name) if other not in anchored]
            for other in related:
                if other not in anchored:
                    anchored.add(other)
                    pending.append(other)
        for name in list(anchored):
            if self._constant_offset_base(name):
                anchored.discard(name)
                del self.jit[name]
        return anchored

    def _constant_offset_base(self, name: str) -> str | None:
        """The JIT-time pointer that `name` is a constant offset from, if any."""
        instruction = self.body.definition(name)
        if instruction is None or instruction.opcode != "getelementptr":
            return None
        base = instruction.operands[0][1]
        known = all(token.lstrip("-").isdigit() for _, token in instruction.operands[1:])
        return base[1:] if known and base[0] == "%" else None

    def _users_by_constant_offset(self, name: str) -> Iterator[str]:
        for index in self.body.users(name):
            instruction = self.body.instruction(index)
            if instruction and instruction.name in self.jit and self._constant_offset_base(instruction.name) == name:
                yield instruction.name

    def _is_base(self, name: str) -> bool:
        """Whether a use of `name` may end as the base of a memory access."""
        type_text = self.types[name]
        if type_text not in ("ptr", "i64"):
            return False
        for index in self.body.users(name):
            instruction = self.body.instruction(index)
            if instruction is not None and instruction.name in self.jit:
                continue
            line = self.body.lines[index]
            if type_text == "ptr" and not is_plain_use(line, name):
                return True
            # an integer merged with run-time integers that become a pointer again: the optimiser looks through that
            if type_text == "i64" and self.body.has_inttoptr and re.match(r"  %\S+ = (?:phi|select) ", line):
                return True
        return False

    def _substitute(self, markers: set[str]) -> None:
        """Write constants and markers in place of JIT-time values; their own instructions disappear."""
        body = self.body
        own = {body.definitions[name]: name for name in self.jit}
        for index in sorted({*own, *body.users_of_any(self.jit)}):
            name = own.get(index)
            if name is None:
                body.lines[index] = body.replace(body.lines[index], partial(self._constant_for, markers))
            elif name in markers:
                body.lines[index] = marker_call(name, self.types[name], self.table.marker(self.jit[name]))
            else:
                body.delete(index)

    def _constant_for(self, markers: set[str], name: str) -> str | None:
        expression = self.jit.get(name)
        if expression is None or name in markers:
            return None
        return self.table.constant(self.types[name], expression)
