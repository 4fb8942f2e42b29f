"""What a version's knowledge decides is written into the text, and LLVM still reads it."""

from llvm_passes.backend import optimize
from llvm_passes.expression import Const, Hole, operation
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.specialize import specialize

H = Hole("h", 16)

SWITCH = """
declare i16 @__sg_hole_h()
define void @f(ptr %p) {
entry:
  %h = call i16 @__sg_hole_h()
  switch i16 %h, label %other [
    i16 1, label %one
    i16 2, label %one
    i16 7, label %seven
  ], !prof !0

one:                                              ; preds = %entry, %entry
  %x = phi i32 [ 5, %entry ], [ 5, %entry ]
  store i32 %x, ptr %p
  ret void

seven:                                            ; preds = %entry
  store i32 7, ptr %p
  ret void

other:                                            ; preds = %entry
  ret void
}
!0 = !{!"branch_weights", i32 1, i32 2000, i32 2000, i32 1}
"""


def specialized(text: str, knowledge: Knowledge) -> str:
    start, end = text.index("define"), text.index("\n}") + 2
    return text[:start] + specialize(text[start:end], Layout({}), knowledge) + text[end:]


def test_cases_that_cannot_be_are_gone_with_their_weights() -> None:
    knowledge = Knowledge().assuming(operation("icmp.eq", 1, H, Const(16, 2)), 0)
    result = specialized(SWITCH, knowledge)
    assert "i16 2, label" not in result and "!prof" not in result
    assert "i16 1" in optimize(result)


def test_a_switch_that_keeps_its_cases_keeps_their_weights() -> None:
    knowledge = Knowledge().assuming(operation("icmp.eq", 1, H, Const(16, 3)), 0)
    assert "], !prof !0" in specialized(SWITCH, knowledge)
