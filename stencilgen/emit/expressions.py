"""JIT-time expressions → C.

The key idea: everything is computed in `uint64_t`, where C has no undefined overflow and no surprising promotion, and a
value narrower than 64 bits is cut to its width only where somebody could see the difference. `(oparg * 8 + 80)` of an
unsigned 16-bit hole comes out as a person would write it:

    (add64 (mul64 (zext64 oparg) 8) 80)        ⇒    (uint64_t)instruction->oparg * 8 + 80
    (zext64 (add8 oparg 1))                    ⇒    (uint8_t)((uint64_t)instruction->oparg + 1)

A text is *clean* when its value, as a uint64_t, has no bits above the expression's width. Sums, products and left shifts
need not be clean inside; comparisons, right shifts, divisions and casts to a wider type need clean operands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llvm_passes.expression import Const, Hole, JitExpr, Operation, SymbolAddress, to_signed
from llvm_passes.ranges import Promise, Range, range_of

__all__ = ["COMPARISONS", "HoleSource", "is_postfix", "literal", "promises_of", "render", "render_location"]

# How tightly an operator binds in C, the tighter the higher.
_CONDITIONAL, _OR, _XOR, _AND, _EQUAL, _COMPARE, _SHIFT, _SUM, _PRODUCT, _UNARY, _PRIMARY = range(11)


@dataclass(frozen=True, slots=True)
class HoleSource:
    """Where a hole's value comes from: a C expression, its declared C type (if known), and what is promised of it."""

    value: str
    type: str | None = None
    promise: Promise | None = None


def render_location(
    expression: JitExpr, sources: Mapping[str, HoleSource], place: Callable[[str], str] = "SG_EXTERN({})".format
) -> str:
    """C text, of a signed integer type, of a location of the table of facts."""
    return _Renderer(sources, place).location(expression)


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    binding: int
    clean: bool

    def at(self, binding: int) -> str:
        """The text, in parentheses unless it binds at least this tightly."""
        return self.text if self.binding >= binding else f"({self.text})"


_WIDTHS = (8, 16, 32, 64)
_HOLE_TYPES = {(8, True): "int8_t", (16, True): "int16_t", (32, True): "int32_t", (64, True): "int64_t"} | {
    (bits, False): f"uint{bits}_t" for bits in _WIDTHS
}


def promises_of(sources: Mapping[str, HoleSource]) -> dict[str, Promise]:
    """What is promised, by hole."""
    return {name: source.promise for name, source in sources.items() if source.promise is not None}


def render(
    expression: JitExpr, sources: Mapping[str, HoleSource], place: Callable[[str], str] = "SG_EXTERN({})".format
) -> str:
    """C text, of type uint64_t, whose value is the expression's as an unsigned number of its width.

    place: the lvalue in C that lies where a symbol does.
    """
    return _Renderer(sources, place).clean(expression).text


class _Renderer:
    def __init__(self, sources: Mapping[str, HoleSource], place: Callable[[str], str]) -> None:
        self.sources = sources
        self.place = place
        self.promises = promises_of(sources)

    def range(self, expression: JitExpr) -> Range:
        return range_of(expression, self.promises)

    def clean(self, expression: JitExpr) -> _Text:
        """Text without bits above the width."""
        text = self.render(expression)
        return text if text.clean else _cut(text, expression.bits)

    def signed(self, expression: JitExpr) -> str:
        """Text of type int64_t: the signed reading, as an operand of a comparison."""
        match expression:
            case Const(bits, value):
                return literal(to_signed(value, bits), "INT64_C")
            case Hole(name, bits, True, "integer") if bits in _WIDTHS:
                return f"(int64_t){self._converted(name, bits, True)}"
        if expression.bits in _WIDTHS:
            return f"(int{expression.bits}_t){self.render(expression).at(_UNARY)}"
        return f"sg_signed({expression.bits}, {self.render(expression).text})"

    def render(self, expression: JitExpr) -> _Text:
        match expression:
            case Const(_, value):
                return _Text(literal(value), _PRIMARY, clean=True)
            case SymbolAddress(name, addend):
                address = f"(uint64_t)(uintptr_t)&{self.place(name)}"
                return _Text(_plus(address, addend), _SUM if addend else _UNARY, clean=True)
            case Hole():
                return self._hole(expression)
            case Operation():
                return self._operation(expression)

    def location(self, expression: JitExpr) -> str:
        """Text of a signed integer type: a location of the table of facts."""
        while isinstance(expression, Operation) and expression.opcode == "sext":
            (expression,) = expression.operands
        match expression:
            case Hole(name, bits, True, "integer") if bits in _WIDTHS:
                return self._converted(name, bits, True)
        return self.signed(expression)

    def _converted(self, name: str, bits: int, signed: bool) -> str:
        """The hole's value as its C type: a cast, unless the VM's field has this type anyway."""
        source, wanted = self.sources[name], _HOLE_TYPES[bits, signed]
        if not is_postfix(source.value):  # C's promotions make an int of it, whatever its parts are
            return f"({wanted})({source.value})"
        return source.value if source.type == wanted else f"({wanted}){source.value}"

    def _hole(self, hole: Hole) -> _Text:
        value = self.sources[hole.name].value
        value = value if is_postfix(value) else f"({value})"
        match hole.kind, hole.bits:
            case "double", _:
                return _Text(f"sg_double_bits((double){value})", _PRIMARY, clean=True)
            case "float", _:
                return _Text(f"sg_float_bits((float){value})", _PRIMARY, clean=True)
            case "pointer", _:
                return _Text(f"(uint64_t)(uintptr_t){value}", _UNARY, clean=True)
            case _, 1:
                return _Text(f"(uint64_t)(_Bool){value}", _UNARY, clean=True)
            case _, 64:
                return _Text(f"(uint64_t){value}", _UNARY, clean=True)
            case _, bits:
                # an unsigned type of the width keeps the bits above it clear, whatever the field's sign
                return _Text(f"(uint64_t){self._converted(hole.name, bits, False)}", _UNARY, clean=True)

    def _operation(self, node: Operation) -> _Text:
        opcode, bits, operands = node.opcode, node.bits, node.operands
        match opcode, operands:
            case "add", (left, Const(_, value)):
                addend = to_signed(value, bits)
                return _Text(_plus(self.render(left).at(_SUM), addend), _SUM, self._fits(node))
            case "add" | "sub" as name, (left, right):
                sign = "+" if name == "add" else "-"
                text = f"{self.render(left).at(_SUM)} {sign} {self.render(right).at(_PRODUCT)}"
                return _Text(text, _SUM, self._fits(node))
            case "mul", (left, right):
                text = f"{self.render(left).at(_PRODUCT)} * {self.render(right).at(_UNARY)}"
                return _Text(text, _PRODUCT, self._fits(node))
            case "shl", (left, Const(_, amount)) if amount < bits:
                return _Text(f"{self.render(left).at(_PRODUCT)} << {amount}", _SHIFT, self._fits(node))
            case "lshr", (left, Const(_, amount)) if amount < bits:
                return _Text(f"{self.clean(left).at(_PRODUCT)} >> {amount}", _SHIFT, clean=True)
            case "and", (left, Const(_, mask)) if self._mask_is_identity(left, mask):
                return self.clean(left)
            case ("and" | "or" | "xor") as name, (left, right):
                symbol, binding = {"and": ("&", _AND), "or": ("|", _OR), "xor": ("^", _XOR)}[name]
                a, b = self.render(left), self.render(right)
                clean = (a.clean and b.clean) or (name == "and" and (a.clean or b.clean))
                # gcc warns of mixed bit operators without parentheses
                return _Text(f"{a.at(_UNARY)} {symbol} {b.at(_UNARY)}", binding, clean)
            case "zext", (operand,):
                return self.clean(operand)
            case "trunc", (operand,):
                inner = self.render(operand)
                high = self.range(operand).high
                return _Text(inner.text, inner.binding, clean=inner.clean and high < 1 << bits)
            case "sext", (operand,):
                if self.range(operand).signed_low >= 0:
                    return self.clean(operand)
                return _Text(f"(uint64_t){self.signed(operand)}", _UNARY, clean=bits == 64)
            case "select", (condition, yes, no):
                test, one, other = self.clean(condition), self.clean(yes), self.clean(no)
                # two plain literals would make an int of it
                is_int = isinstance(yes, Const) and isinstance(no, Const)
                holds = test.text if _is_comparison(condition) else f"{test.at(_UNARY)} != 0"
                choice = f"{holds} ? {one.at(_OR)} : {other.at(_OR)}"
                return (
                    _Text(f"(uint64_t)({choice})", _UNARY, clean=True)
                    if is_int
                    else _Text(choice, _CONDITIONAL, clean=True)
                )
            case "fact.holds", (location, Const(_, facts)):
                return _Text(f"(uint64_t)SG_HOLDS({self.location(location)}, {facts})", _UNARY, clean=True)
            case "fact.is_constant", (location,):
                return _Text(f"(uint64_t)SG_IS_CONSTANT({self.location(location)})", _UNARY, clean=True)
            case "fact.constant", (location,):
                return _Text(f"SG_CONSTANT({self.location(location)})", _PRIMARY, clean=True)
            case _ if opcode.startswith("icmp."):
                return self._comparison(opcode.removeprefix("icmp."), *operands)
            case "scmp", (left, right):
                first, second = self.signed(left), self.signed(right)
                text = f"sg_wrap({bits}, (uint64_t)(({first} > {second}) - ({first} < {second})))"
                return _Text(text, _PRIMARY, clean=True)
            case "ucmp", (left, right):
                text = f"sg_ucmp({bits}, {self.clean(left).text}, {self.clean(right).text})"
                return _Text(text, _PRIMARY, clean=True)
            case _:
                arguments = ", ".join(self.clean(operand).text for operand in operands)
                return _Text(f"sg_{opcode.replace('.', '_')}({operands[0].bits}, {arguments})", _PRIMARY, clean=True)

    def _comparison(self, predicate: str, left: JitExpr, right: JitExpr) -> _Text:
        symbol = COMPARISONS[predicate]
        if predicate[0] == "s" and left.bits > 1:
            first, second = self.signed(left), self.signed(right)
        else:
            # a 1-bit number is 0 or, signed, -1: the order turns round
            if predicate[0] == "s":
                left, right = right, left
            first, second = self.clean(left).at(_SHIFT), self.clean(right).at(_SHIFT)
        # `a < b` has type int: the conversion makes it one of ours
        return _Text(f"(uint64_t)({first} {symbol} {second})", _UNARY, clean=True)

    def _fits(self, node: Operation) -> bool:
        """Whether an arithmetic operation on clean operands cannot leave its width, so that no bit need be cut off."""
        if node.bits == 64:
            return True
        left, right = (self.range(operand) for operand in node.operands)
        if not all(self.render(operand).clean for operand in node.operands):
            return False
        limit = 1 << node.bits
        match node.opcode:
            case "add":
                if isinstance(node.operands[1], Const) and right.high >= limit >> 1:
                    return left.low >= limit - right.low  # written as a difference
                return left.high + right.high < limit
            case "sub":
                return left.low >= right.high
            case "mul":
                return left.high * right.high < limit
            case "shl":
                return left.high << right.high < limit
            case _:
                return False

    def _mask_is_identity(self, operand: JitExpr, mask: int) -> bool:
        high = self.range(operand).high
        return mask & (mask + 1) == 0 and high <= mask


COMPARISONS: Mapping[str, str] = {
    "eq": "==", "ne": "!=", "ult": "<", "ule": "<=", "ugt": ">", "uge": ">=", "slt": "<", "sle": "<=", "sgt": ">", "sge": ">=",
}  # fmt: skip


def _is_comparison(expression: JitExpr) -> bool:
    return isinstance(expression, Operation) and expression.opcode.startswith("icmp.")


def _cut(text: _Text, bits: int) -> _Text:
    if bits in _WIDTHS:
        return _Text(f"(uint64_t)(uint{bits}_t){text.at(_UNARY)}", _UNARY, clean=True)
    return _Text(f"{text.at(_UNARY)} & {literal((1 << bits) - 1)}", _AND, clean=True)


def literal(value: int, wide: str = "UINT64_C") -> str:
    """A C constant. Small ones are plain ints, since the other operand has 64 bits; larger ones have the type of `wide`."""
    if value == -(1 << 63):
        return "INT64_MIN"
    if -(1 << 31) <= value < 1 << 31:
        return str(value) if value >= 0 else f"({value})"
    return f"{wide}({value if value < 0 else hex(value)})"


def _plus(text: str, addend: int) -> str:
    if addend == 0:
        return text
    return f"{text} {'-' if addend < 0 else '+'} {literal(abs(addend))}"


def is_postfix(text: str) -> bool:
    """Whether a C expression can stand behind a cast as it is: names, members, subscripts and calls."""
    depth = 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if depth == 0 and not (character.isalnum() or character in "_.->)]"):
            return False
    return bool(text) and (text[0].isalpha() or text[0] == "_")
