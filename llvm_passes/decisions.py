"""Which JIT-time value the emit function should test next, read off a function's folded text.

    br i1 E, …                 the condition itself                       (also E in a select, in `and i1`, in a phi)
    switch iN E, …             E == first case
    icmp eq iN (zext i1 x), E  E == 0, then E == 1                        x itself, instead of a comparison of numbers
    store i64 W, …             do all such W fit 32 bits?                 W becomes an immediate or a displacement

Each is an expression of one bit. Tests of what control flow depends on come first, in the order of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import reduce

from llvm_passes.expression import (
    Const,
    ExpressionTooLarge,
    Hole,
    JitExpr,
    Operation,
    SymbolAddress,
    operation,
    walk,
)
from llvm_passes.knowledge import Knowledge
from llvm_passes.symbols import HIGHEST_BOUNDED, LOWEST_BOUNDED, SYMBOL_PREFIX, JitSymbol
from llvm_passes.text import NAME

_BIT = re.compile(rf"ptrtoint \(ptr @({SYMBOL_PREFIX}\w+) to i1\)")
_SWITCH = re.compile(
    rf"^  switch i(\d+) ptrtoint \(ptr @({SYMBOL_PREFIX}\w+) to i\d+\), label %{NAME} \[\n((?:    .*\n)*)", re.M
)
_CASE = re.compile(r"^    i\d+ (-?\d+),", re.M)
_FLAG = re.compile(rf"^  %({NAME}) = zext (?:nneg )?i1 ", re.M)
_FLAG_TEST = re.compile(
    rf"^  %\S+ = icmp (?:eq|ne) i(\d+) %({NAME}), ptrtoint \(ptr @({SYMBOL_PREFIX}\w+) to i\d+\)", re.M
)
_WIDE = re.compile(rf"ptrtoint \(ptr @({SYMBOL_PREFIX}\w+) to i64\)|\bptr @({SYMBOL_PREFIX}\w+)(?!\w| to )")
_HANDED_ON = re.compile(r"^  (?:ret |(?:%\S+ = )?(?:(?:musttail|tail|notail) )?call |%\S+ = (?:phi|insertvalue) )")
_STORED_BIT = re.compile(r"^  (?:store |ret |(?:%\S+ = )?(?:(?:musttail|tail|notail) )?call )")


def next_test(text: str, symbols: Mapping[str, JitSymbol], knowledge: Knowledge) -> JitExpr | None:
    """The test that should be made next; None when control flow depends on nothing that is known at JIT time."""
    for test in _tests(text, symbols):
        if type(test) is not Const and knowledge.value(test) is None:
            return test
    return None


def narrowness_test(text: str, symbols: Mapping[str, JitSymbol], knowledge: Knowledge) -> JitExpr | None:
    """The test whether all wide values that could become immediates or displacements are small enough; None if there are
    none. Where it does not hold nothing is known: the function as it is serves for all values.
    """
    found: dict[JitExpr, None] = {}
    for line in text.split("\n"):
        if SYMBOL_PREFIX in line and ' asm "' not in line and not _HANDED_ON.match(line):
            for match in _WIDE.finditer(line):
                symbol = symbols[match[1] or match[2]]
                if symbol.wide and symbol.expression.bits == 64 and not _is_address(symbol.expression):
                    found[_is_narrow(symbol.expression)] = None
    tests = [test for test in found if knowledge.value(test) is None]
    if not tests or len(tests) < len(found):
        return None  # one of them is never small
    try:
        return reduce(lambda a, b: operation("and", 1, a, b), tests)
    except ExpressionTooLarge:
        return None


def _is_address(expression: JitExpr) -> bool:
    """Whether it is an address in the VM, which is no small number."""
    return any(
        isinstance(node, SymbolAddress) or (isinstance(node, Hole) and node.kind == "pointer")
        for node in walk(expression)
    )


def left_over(text: str, symbols: Mapping[str, JitSymbol]) -> tuple[JitExpr, ...]:
    """The JIT-time values that control flow depends on at run time."""
    bits = (_resized(symbols[name], 1) for name in _tested_bits(text))
    switches = (_resized(symbols[match[2]], int(match[1])) for match in _SWITCH.finditer(text))
    return tuple(dict.fromkeys((*bits, *switches)))


def _tests(text: str, symbols: Mapping[str, JitSymbol]) -> Iterator[JitExpr]:
    for name in _tested_bits(text):
        yield _resized(symbols[name], 1)
    for match in _SWITCH.finditer(text):
        bits = int(match[1])
        for case in _CASE.findall(match[3]):
            yield operation("icmp.eq", 1, _resized(symbols[match[2]], bits), Const(bits, int(case)))
    flags = set(_FLAG.findall(text))
    for match in _FLAG_TEST.finditer(text):
        if match[2] in flags:
            for value in (0, 1):
                expression = _resized(symbols[match[3]], int(match[1]))
                yield operation("icmp.eq", 1, expression, Const(expression.bits, value))


def _tested_bits(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if " to i1)" in line and not _STORED_BIT.match(line):
            yield from _BIT.findall(line)


def _resized(symbol: JitSymbol, bits: int) -> JitExpr:
    expression = symbol.expression
    if expression.bits == bits:
        return expression
    extension = "zext" if symbol.low >= 0 else "sext"
    return operation(extension if expression.bits < bits else "trunc", bits, expression)


_SPAN = HIGHEST_BOUNDED - LOWEST_BOUNDED + 1


def _is_narrow(value: JitExpr) -> JitExpr:
    """Whether a 64-bit value may be a bounded symbol: an immediate or displacement of 32 bits, with room for an addend."""
    shifted = operation("add", 64, value, Const(64, -LOWEST_BOUNDED))
    return operation("icmp.ult", 1, shifted, Const(64, _SPAN))


def tested_for_narrowness(test: JitExpr) -> JitExpr | None:
    """The value whose smallness this expression tests; None when it is another kind of test."""
    match test:
        case Operation("icmp.ult", 1, (shifted, Const(64, value))) if value == _SPAN:
            return operation("add", 64, shifted, Const(64, LOWEST_BOUNDED))
    return None
