"""Absolute symbols: how a JIT-time expression is shown to LLVM's instruction selection.

A value known only when code is emitted stands in the IR as the address of an *absolute symbol*, so that LLVM itself
makes it an immediate or a displacement wherever the instruction has room. What makes that sound:

- `extern_weak` keeps the optimiser from concluding that two symbols differ, or that one is not null;
- LLVM sign-extends 32-bit immediates and adds up to 2**24 to a displacement without asking, so a 64-bit symbol is
  *bounded* only within [-2**31 + 2**24, 2**31 - 2**24); beyond that it is *wide*: `code_model "large"` with the full
  range makes every use a `movabsq`;
- a value of up to 32 bits is declared unsigned within its width: negative bounds would be selected as 64-bit moves;
- every declared range reaches 255 at least, else LLVM prints `symbol@ABS8`, which says nothing that the range does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llvm_passes.expression import Const, JitExpr, Operation, SymbolAddress, operation, to_signed
from llvm_passes.knowledge import Knowledge
from llvm_passes.ranges import Range

SYMBOL_PREFIX = "__sg_e_"
LOWEST_BOUNDED = -(1 << 31) + (1 << 24)
HIGHEST_BOUNDED = (1 << 31) - (1 << 24) - 1


@dataclass(frozen=True, slots=True)
class JitSymbol:
    """What the symbol stands for: `expression`, zero-extended to 64 bits where `low` >= 0, else sign-extended.

    `low` and `high` are inclusive bounds of that 64-bit value, read as signed. `wide`: only `movabsq` holds it for sure
    (its range does not fit the bounds above, or a memory access is based on it).
    """

    expression: JitExpr
    low: int
    high: int
    wide: bool


class SymbolTable:
    """The symbols of one stencil, numbered in order of first use; equal values share one."""

    def __init__(self, stencil: str, knowledge: Knowledge) -> None:
        self._stem = f"{SYMBOL_PREFIX}{re.sub(r'[^A-Za-z0-9_]', '_', stencil)}_"
        self.knowledge = knowledge
        self._names: dict[tuple[JitExpr, bool], str] = {}
        self.symbols: dict[str, JitSymbol] = {}

    def bounded_or_wide(self, expression: JitExpr) -> str:
        """The name of the symbol for a value that is used as data: bounded where its range allows."""
        bits = expression.bits
        bounds = self.knowledge.range(expression)
        if bits <= 32 or bounds.high <= HIGHEST_BOUNDED:
            return self._name(_without_zero_extension(expression), bounds.low, bounds.high, wide=False)
        if bounds.signed_low >= LOWEST_BOUNDED and bounds.signed_high <= HIGHEST_BOUNDED:
            return self._name(operation("sext", 64, expression), bounds.signed_low, bounds.signed_high, wide=False)
        return self._wide(operation("zext", 64, expression), bounds)

    def is_wide(self, expression: JitExpr) -> bool:
        """Whether only `movabs` holds every value that it may have."""
        bounds = self.knowledge.range(expression)
        small = bounds.signed_low >= LOWEST_BOUNDED and bounds.signed_high <= HIGHEST_BOUNDED
        return expression.bits > 32 and bounds.high > HIGHEST_BOUNDED and not small

    def marker(self, expression: JitExpr) -> str:
        """The symbol for a pointer that memory is accessed through: it appears in `movabsq` markers only."""
        return self._wide(operation("zext", 64, expression), self.knowledge.range(expression))

    def _wide(self, expression: JitExpr, bounds: Range) -> str:
        if bounds.bits == 64:
            return self._name(expression, bounds.signed_low, bounds.signed_high, wide=True)
        return self._name(expression, bounds.low, bounds.high, wide=True)

    def _name(self, expression: JitExpr, low: int, high: int, *, wide: bool) -> str:
        key = (expression, wide)
        if key not in self._names:
            name = f"{self._stem}{len(self._names)}"
            self._names[key] = name
            self.symbols[name] = JitSymbol(expression, low, high, wide)
        return self._names[key]

    def value(self, name: str) -> JitExpr | None:
        """The 64-bit value of a symbol made earlier, or None if `name` is not one."""
        symbol = self.symbols.get(name)
        if symbol is None:
            return None
        return operation("zext" if symbol.low >= 0 else "sext", 64, symbol.expression)

    def constant(self, type_text: str, expression: JitExpr) -> str:
        """The IR constant of type `type_text` (an integer type, `ptr`, `float`, `double`) for the value."""
        if isinstance(expression, Const):
            return literal_text(type_text, expression)
        if isinstance(expression, SymbolAddress) and type_text in ("ptr", "i64"):
            pointer = address_constant(expression)
            return pointer if type_text == "ptr" else f"ptrtoint (ptr {pointer} to i64)"
        name = self.bounded_or_wide(expression)
        match type_text:
            case "ptr":
                return f"@{name}"
            case "double" | "float":
                integer = "i64" if type_text == "double" else "i32"
                return f"bitcast ({integer} ptrtoint (ptr @{name} to {integer}) to {type_text})"
        return f"ptrtoint (ptr @{name} to {type_text})"


def _without_zero_extension(expression: JitExpr) -> JitExpr:
    while isinstance(expression, Operation) and expression.opcode == "zext":
        expression = expression.operands[0]
    return expression


def address_constant(address: SymbolAddress) -> str:
    """The IR constant of type `ptr` for a plain address."""
    name = address.name if re.fullmatch(r"[-a-zA-Z$._][-a-zA-Z$._0-9]*", address.name) else f'"{address.name}"'
    return f"getelementptr (i8, ptr @{name}, i64 {address.addend})" if address.addend else f"@{name}"


def literal_text(type_text: str, value: Const) -> str:
    match type_text:
        case "i1":
            return "true" if value.value else "false"
        case "ptr":
            return f"inttoptr (i64 {value.value} to ptr)" if value.value else "null"
        case "double":
            return f"bitcast (i64 {value.value} to double)"
        case "float":
            return f"bitcast (i32 {value.value} to float)"
    return str(to_signed(value.value, value.bits))


def declaration(name: str, symbol: JitSymbol) -> str:
    """The global that declares the absolute symbol to LLVM."""
    if symbol.wide:
        return f'@{name} = extern_weak hidden global i8, code_model "large", !absolute_symbol !{{i64 -1, i64 -1}}'
    low, high = symbol.low, max(symbol.high, 255)
    return f"@{name} = extern_weak hidden global [0 x i8], !absolute_symbol !{{i64 {low}, i64 {high + 1}}}"


def marker_call(name: str, type_text: str, symbol: str) -> str:
    """The instruction that makes %name the symbol's value without LLVM knowing anything about it."""
    return f'  %{name} = call {type_text} asm "movabsq $${symbol}, $0", "=r"() nounwind memory(none)'
