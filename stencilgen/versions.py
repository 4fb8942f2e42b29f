"""The lowered versions of a unit → one stencil that decides among them.

The key idea: a version earns its place by its code. Versions whose code is the same become one, a test both sides of
which came out the same disappears, and a version for small constants stays only if it is shorter for them. What is left is
written as a person would: tests joined by && and ||, each value named once and computed where all versions below need it.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import dasc
from dasc import InstructionLine, Line, Stencil, Value
from stencilgen.emit.conditions import both, either, negated
from x86_64 import Address, AssemblyError, Instruction, Masked, Memory, Operand, Register, Symbol, Symbolic

__all__ = ["Choice", "Leaf", "Tree", "choose", "leaves"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One version by itself: a stencil without decisions, whose values all have expressions of their own."""

    stencil: Stencil


@dataclass(frozen=True, slots=True)
class Choice:
    """A test in C, and what it leads to. optional: `no` serves in both cases, `yes` only exists where it is shorter."""

    condition: str
    yes: "Tree"
    no: "Tree"
    optional: bool = False


Tree = Leaf | Choice


def choose(tree: Tree, checked: Sequence[Value] = ()) -> Stencil:
    """The stencil that a tree of versions becomes. `checked`: values that it computes, and verifies, in any case."""
    simple = _simplified(_renamed(tree))
    final = _renamed(simple)
    stencils = [leaf.stencil for leaf in leaves(final)]
    version = _version(final, frozenset(checked))
    return replace(
        stencils[0],
        frame=max(stencil.frame for stencil in stencils),
        values=(*checked, *version.values),
        hot=version.hot,
        cold=version.cold,
        decision=version.decision,
        effects=version.effects,
    )


def leaves(tree: Tree) -> Iterator[Leaf]:
    """The versions, those for which tests hold first."""
    if isinstance(tree, Leaf):
        yield tree
        return
    yield from leaves(tree.yes)
    yield from leaves(tree.no)


# ---- Names ----


def _renamed(tree: Tree) -> Tree:
    """The tree with values named alike in all versions: E0, E1 … in the order in which code mentions them."""
    names: dict[_Key, Symbol] = {}
    for leaf in leaves(tree):
        values = {value.symbol: value for value in leaf.stencil.values}
        for symbol in _mentioned(leaf.stencil):
            key = _key(values[symbol])
            if key not in names:
                names[key] = Symbol(f"{symbol.name[0]}{len(names)}", symbol.low, symbol.high)

    def rename(leaf: Leaf) -> Leaf:
        new = {value.symbol: names[_key(value)] for value in leaf.stencil.values if _key(value) in names}
        values = sorted(
            (replace(value, symbol=new[value.symbol]) for value in leaf.stencil.values if value.symbol in new),
            key=lambda value: int(value.symbol.name[1:]),
        )
        return Leaf(_with_symbols(replace(leaf.stencil, values=tuple(values)), new))

    return _mapped(tree, rename)


_Key = tuple[str, str, int, int, int]


def _key(value: Value) -> _Key:
    """What makes two values one: what is computed, in which range, for which width."""
    symbol = value.symbol
    return value.expression, symbol.name[0], symbol.low, symbol.high, value.bits


def _mapped(tree: Tree, change: Callable[[Leaf], Leaf]) -> Tree:
    if isinstance(tree, Leaf):
        return change(tree)
    return replace(tree, yes=_mapped(tree.yes, change), no=_mapped(tree.no, change))


_VALUE_IN_PLACE = re.compile(r"(?<=\()[EW]\d+\b")
"""In `SG_AT(W0+8)`, `SG_LITERAL(W0)`: places that depend on a value."""


def _mentioned(stencil: Stencil) -> Iterator[Symbol]:
    by_name = {value.symbol.name: value.symbol for value in stencil.values}
    for line in (*stencil.hot, *stencil.cold):
        if isinstance(line, InstructionLine):
            for mentioned in dasc.references(line.instruction):
                if isinstance(mentioned, Symbol):
                    yield mentioned
                elif isinstance(mentioned, Address):
                    yield from (by_name[name] for name in _VALUE_IN_PLACE.findall(mentioned.name))


def _with_symbols(stencil: Stencil, new: dict[Symbol, Symbol]) -> Stencil:
    """The stencil with other symbols in its code."""
    names = {old.name: symbol.name for old, symbol in new.items()}

    def address(old: Address) -> Address:
        return replace(old, name=_VALUE_IN_PLACE.sub(lambda match: names[match[0]], old.name))

    def operand(old: Operand) -> Operand:
        match old:
            case Symbolic(symbol=symbol):
                return old if new[symbol] == symbol else replace(old, symbol=new[symbol])
            case Memory(displacement=Symbolic(symbol=symbol)) if new[symbol] == symbol:
                return old
            case Memory(displacement=Symbolic(symbol=symbol) as displacement):
                return replace(old, displacement=replace(displacement, symbol=new[symbol]))
            case Memory(target=Address() as target):
                return replace(old, target=address(target))
            case Address():
                return address(old)
            case Masked(operand=Memory(displacement=Symbolic(symbol=symbol) as displacement) as memory):
                return replace(old, operand=replace(memory, displacement=replace(displacement, symbol=new[symbol])))
        return old

    def line(old: Line) -> Line:
        if not isinstance(old, InstructionLine):
            return old
        operands = tuple(map(operand, old.instruction.operands))
        if all(map(operator.is_, operands, old.instruction.operands)):  # most are
            return old
        return replace(old, instruction=replace(old.instruction, operands=operands))

    return replace(stencil, hot=tuple(map(line, stencil.hot)), cold=tuple(map(line, stencil.cold)))


# ---- Fewer versions ----


def _simplified(tree: Tree) -> Tree:
    """The tree without versions that bring nothing."""
    if isinstance(tree, Leaf):
        return tree
    yes, no = _simplified(tree.yes), _simplified(tree.no)
    if (same := _merged(yes, no)) is not None:
        return same
    if tree.optional and isinstance(yes, Leaf) and isinstance(no, Leaf) and _cost(yes) >= _cost(no):
        return no
    match yes, no:
        case _, Choice(condition, inner_yes, inner_no) if (same := _merged(yes, inner_yes)) is not None:
            return _simplified(Choice(either(tree.condition, condition), same, inner_no))
        case _, Choice(condition, inner_yes, inner_no) if (same := _merged(yes, inner_no)) is not None:
            return Choice(both(negated(tree.condition), condition), inner_yes, same)
        case Choice(condition, inner_yes, inner_no), _ if (same := _merged(no, inner_no)) is not None:
            return Choice(both(tree.condition, condition), inner_yes, same)
        case Choice(condition, inner_yes, inner_no), _ if (same := _merged(no, inner_yes)) is not None:
            return Choice(both(tree.condition, negated(condition)), inner_no, same)
        case Choice(), Leaf():  # the shorter side first, so that the longer one goes on as `else if`
            return Choice(negated(tree.condition), no, yes)
    return replace(tree, yes=yes, no=no)


def _merged(a: Tree, b: Tree) -> Tree | None:
    """What does for both; None when they differ."""
    if a == b:
        return a
    match a, b:
        case Choice(), Choice() if a.condition == b.condition:
            yes, no = _merged(a.yes, b.yes), _merged(a.no, b.no)
            return replace(a, yes=yes, no=no) if yes is not None and no is not None else None
        case Leaf(), Leaf() if len(a.stencil.hot) == len(b.stencil.hot) and len(a.stencil.cold) == len(b.stencil.cold):
            wide_a, wide_b = _widened(a.stencil, b.stencil), _widened(b.stencil, a.stencil)
            if wide_a == wide_b and not dasc.refuses_values(wide_a):
                return Leaf(wide_a)
    return None


def _widened(stencil: Stencil, other: Stencil) -> Stencil:
    """The stencil with values that span their ranges in both, named by what they are."""
    values: list[Value] = []
    new: dict[Symbol, Symbol] = {}
    ranges: dict[str, list[Symbol]] = {}
    for value in (*stencil.values, *other.values):
        ranges.setdefault(value.expression, []).append(value.symbol)
    order = {expression: number for number, expression in enumerate(sorted(ranges))}
    for value in stencil.values:
        symbols = ranges[value.expression]
        low, high = min(symbol.low for symbol in symbols), max(symbol.high for symbol in symbols)
        prefix = max(symbol.name[0] for symbol in symbols)
        new[value.symbol] = Symbol(f"{prefix}{order[value.expression]}", low, high)
        values.append(replace(value, symbol=new[value.symbol]))
    distinct = sorted(set(values), key=lambda value: value.symbol.name)
    return _with_symbols(replace(stencil, values=tuple(distinct), frame=max(stencil.frame, other.frame)), new)


def _cost(leaf: Leaf) -> int:
    """What the hot part costs where constants are small, in half bytes: of code, and two bytes for each instruction."""
    return sum(4 + _length(line.instruction) for line in leaf.stencil.hot if isinstance(line, InstructionLine))


def _length(instruction: Instruction) -> int:
    """The shortest encoding plus the longest one."""
    match instruction.mnemonic, instruction.operands:
        case "MOV", (Register(kind="r64"), Symbolic()):
            return 10  # mov r32, imm32
    try:
        encodings = instruction.encodings()
    except AssemblyError:
        return 10  # a call or an address: the runtime's
    return len(encodings[0].code) + len(encodings[-1].code)


# ---- The decisions ----


def _version(tree: Tree, known: frozenset[Value]) -> dasc.Version:
    """The tree as the language has it; values that all versions below need are computed first."""
    common = frozenset.intersection(*(frozenset(leaf.stencil.values) for leaf in leaves(tree))) - known
    values = tuple(sorted(common, key=lambda value: int(value.symbol.name[1:])))
    if isinstance(tree, Leaf):
        return dasc.Version(values, tree.stencil.hot, tree.stencil.cold, effects=tree.stencil.effects)
    known |= common
    decision = dasc.Decision(tree.condition, _version(tree.yes, known), _version(tree.no, known))
    return dasc.Version(values, decision=decision)
