"""Folding again after the clean-up: what the first round made is understood, and neighbours do not matter."""

from llvm_passes.expression import SymbolAddress, walk
from llvm_passes.fold import FoldOptions, fold_into
from llvm_passes.symbols import SYMBOL_PREFIX, SymbolTable

FIRST = """\
declare i16 @__sg_hole_u16_oparg()

define i32 @f(i32 %r) {
bb:
  %h = call i16 @__sg_hole_u16_oparg()
  %z = zext i16 %h to i32
  %a = mul i32 %r, %z
  ret i32 %a
}
"""

SECOND = """\
define i32 @f(i32 %r) {
bb:
  %s = add i32 ptrtoint (ptr @__sg_e_f_0 to i32), 7
  %a = sub i32 %r, ptrtoint (ptr @__sg_e_f_0 to i32)
  %b = add i32 %a, %s
  ret i32 %b
}
"""


def test_an_addend_that_is_a_symbol_of_an_earlier_round_is_its_expression() -> None:
    tables: dict[str, SymbolTable] = {}
    assert f"@{SYMBOL_PREFIX}f_0" in fold_into(FIRST, FoldOptions(), tables)
    fold_into(SECOND, FoldOptions(), tables)
    nodes = [node for symbol in tables["f"].symbols.values() for node in walk(symbol.expression)]
    assert not [node for node in nodes if isinstance(node, SymbolAddress)]


def test_only_the_named_functions_are_folded() -> None:
    assert fold_into(FIRST, FoldOptions(), {}, names=()) == FIRST
