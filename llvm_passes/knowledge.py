"""What is known about JIT-time values in one version of a stencil.

A version exists because its emit function has tested something: `oparg == 0`, `operand` fits 32 bits. The key idea: each
such test, an expression of one bit, says more than its own value. `x == 3` makes x a constant in everything computed from
it; `x < 128` bounds x; `x != 3` takes a case out of a switch. So tests are turned into bounds of expressions, and every
other question (is this comparison decided? which encodings does this value need?) is asked of the interval analysis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from llvm_passes.expression import Const, JitExpr, Operation, to_signed
from llvm_passes.known_bits import Bits
from llvm_passes.ranges import Promise, Range, disjoint, meet, range_of, signed, unsigned, with_bits

_INVERSE = {
    "eq": "ne", "ne": "eq", "ult": "uge", "ule": "ugt", "ugt": "ule", "uge": "ult",
    "slt": "sge", "sle": "sgt", "sgt": "sle", "sge": "slt",
}  # fmt: skip
_MIRRORED = {
    "eq": "eq", "ne": "ne", "ult": "ugt", "ule": "uge", "ugt": "ult", "uge": "ule",
    "slt": "sgt", "sle": "sge", "sgt": "slt", "sge": "sle",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Knowledge:
    """holes: what is promised of them, by name; known: bounds of expressions; excluded: values that expressions do not have."""

    holes: Mapping[str, Promise] = field(default_factory=dict)
    known: Mapping[JitExpr, Range] = field(default_factory=dict)
    excluded: Mapping[JitExpr, frozenset[int]] = field(default_factory=dict)

    def range(self, expression: JitExpr) -> Range:
        """Bounds of the expression."""
        return range_of(expression, self.holes, self.known)

    def value(self, expression: JitExpr) -> int | None:
        """The expression's only possible value, unsigned; None when there may be several."""
        bounds = self.range(expression)
        if bounds.low == bounds.high:
            return bounds.low
        match expression:
            case Operation(("icmp.eq" | "icmp.ne") as opcode, 1, (operand, Const(_, value))) if self.excluded:
                if value in self.excluded.get(operand, ()):
                    return int(opcode == "icmp.ne")
        return None

    def assuming(self, expression: JitExpr, value: int) -> Knowledge:
        """What is known where, besides, the expression has this value."""
        result = self._bounded(expression, unsigned(expression.bits, value, value))
        match expression, value:
            case Operation("xor", 1, (operand, Const(1, 1))), _:
                return result.assuming(operand, 1 - value)
            case (Operation("and", 1, (a, b)), 1) | (Operation("or", 1, (a, b)), 0):
                return result.assuming(a, value).assuming(b, value)
            case Operation("select", 1, (a, b, Const(1, 0))), 1:
                return result.assuming(a, 1).assuming(b, 1)
            case Operation("select", 1, (a, Const(1, 1), b)), 0:
                return result.assuming(a, 0).assuming(b, 0)
            case Operation(opcode, 1, (a, b)), _ if opcode.startswith("icmp."):
                predicate = opcode.removeprefix("icmp.")
                predicate = predicate if value else _INVERSE[predicate]
                return result._compared(predicate, a, b)._compared(_MIRRORED[predicate], b, a)
            case Operation("zext", _, (operand,)), _ if value < 1 << operand.bits:
                return result.assuming(operand, value)
            case Operation("sext", _, (operand,)), _:
                return result.assuming(operand, value & ((1 << operand.bits) - 1))
            case Operation("trunc", bits, (operand,)), _ if self.range(operand).high < 1 << bits:
                return result.assuming(operand, value)
            case Operation("add", bits, (operand, Const(_, addend))), _:
                return result.assuming(operand, (value - addend) % (1 << bits))
        return result

    def contradicts(self, expression: JitExpr, value: int) -> bool:
        """Whether the expression cannot have this value, so that no trace comes to a version that assumes it."""
        only = self.value(expression)
        return (only is not None and only != value) or disjoint(
            self.range(expression), unsigned(expression.bits, value, value)
        )

    def _compared(self, predicate: str, a: JitExpr, b: JitExpr) -> Knowledge:
        """What is known where a stands in this relation to b."""
        if type(a) is Const:
            return self
        bounds, bits = self.range(b), a.bits
        half = 1 << (bits - 1)
        match predicate:
            case "eq":
                if bounds.low == bounds.high:
                    return self.assuming(a, bounds.low) if self.value(a) is None else self
                return self._bounded(a, bounds)
            case "ne":
                return self._without(a, bounds.low) if bounds.low == bounds.high else self
            case "ult" | "ule":
                return self._bounded(a, unsigned(bits, 0, max(bounds.high - (predicate == "ult"), 0)))
            case "ugt" | "uge":
                return self._bounded(
                    a, unsigned(bits, min(bounds.low + (predicate == "ugt"), 2 * half - 1), 2 * half - 1)
                )
            case "slt" | "sle":
                return self._bounded(a, signed(bits, -half, max(bounds.signed_high - (predicate == "slt"), -half)))
            case _:
                return self._bounded(a, signed(bits, min(bounds.signed_low + (predicate == "sgt"), half - 1), half - 1))

    def _without(self, expression: JitExpr, value: int) -> Knowledge:
        """What is known where the expression does not have this value."""
        others = self.excluded.get(expression, frozenset()) | {value}
        bounds = self.range(expression)
        low, high, signed_low, signed_high = bounds.low, bounds.high, bounds.signed_low, bounds.signed_high
        while low in others and low < high:
            low += 1
        while high in others and low < high:
            high -= 1
        modulus = 1 << expression.bits
        while signed_low % modulus in others and signed_low < signed_high:
            signed_low += 1
        while signed_high % modulus in others and signed_low < signed_high:
            signed_high -= 1
        narrowed = meet(unsigned(expression.bits, low, high), signed(expression.bits, signed_low, signed_high))
        excluded = replace(self, excluded={**self.excluded, expression: others})
        result = excluded._bounded(expression, narrowed)
        match expression:
            case Operation("zext", _, (operand,)) if value < 1 << operand.bits:
                return result._without(operand, value)
            case Operation("trunc", bits, (operand,)) if self.range(operand).high < 1 << bits:
                return result._without(operand, value)
            case Operation("sext", bits, (operand,)) if abs(to_signed(value, bits)) < 1 << (operand.bits - 1):
                return result._without(operand, value & ((1 << operand.bits) - 1))
        return result

    def _bounded(self, expression: JitExpr, bounds: Range) -> Knowledge:
        if type(expression) is Const:
            return self
        narrowed = meet(self.range(expression), bounds)
        result = replace(self, known={**self.known, expression: narrowed})
        match expression:
            case Operation("zext", _, (operand,)) if narrowed.high < 1 << operand.bits:
                bounds = unsigned(operand.bits, narrowed.low, narrowed.high)
                return result._bounded(operand, meet(bounds, _low_bits(narrowed, operand.bits)))
            case Operation("trunc", bits, (operand,)):
                bounds = _low_bits(narrowed, operand.bits)
                if self.range(operand).high < 1 << bits:
                    bounds = meet(bounds, unsigned(operand.bits, narrowed.low, narrowed.high))
                return result._bounded(operand, bounds)
            case Operation("sext", _, (operand,)):
                bounds = signed(operand.bits, narrowed.signed_low, narrowed.signed_high)
                return result._bounded(operand, meet(bounds, _low_bits(narrowed, operand.bits)))
            case Operation("and", bits, (operand, Const(_, mask))):
                known = Bits(bits, narrowed.known.zeros & mask, narrowed.known.ones & mask)
                return result._bounded(operand, with_bits(bits, known))
            case Operation("add", _, (operand, Const(_, addend))):
                return result._bounded(operand, _shifted(narrowed, -addend))
        return result


def _low_bits(bounds: Range, bits: int) -> Range:
    """The values of `bits` bits that share what is known of the bits that both have."""
    mask = (1 << min(bits, bounds.bits)) - 1
    return with_bits(bits, Bits(bits, bounds.known.zeros & mask, bounds.known.ones & mask))


def _shifted(bounds: Range, addend: int) -> Range:
    """The values of `bounds`, given as unsigned, plus a constant; everything where the sum wraps in both readings."""
    bits, span = bounds.bits, bounds.high - bounds.low
    low = (bounds.low + addend) % (1 << bits)
    if low + span < 1 << bits:
        return unsigned(bits, low, low + span)
    signed_low = to_signed(low, bits)
    return signed(bits, signed_low, signed_low + span)
