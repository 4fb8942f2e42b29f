"""Exits compute an operand again whose place a checked addition or subtraction has taken."""

import pytest

from llvm_passes.undo import may_undo, undone
from tests.llvm_passes.execute import HEADER, run


def function(kind: str, bits: int = 64, first: str = "%a", second: str = "%b", stored: str = "%a") -> str:
    """@f adds or subtracts; it stores the result, or if that overflows leaves with `stored`."""
    pair = f"{{ i{bits}, i1 }}"
    return f"""{HEADER}
declare {pair} @llvm.{kind}.with.overflow.i{bits}(i{bits}, i{bits})

define internal void @__sg_exit(ptr %memory, i{bits} %value) {{
  store i{bits} %value, ptr %memory
  ret void
}}

define void @f(ptr %memory, i{bits} %a, i{bits} %b) {{
entry:
  %both = tail call {pair} @llvm.{kind}.with.overflow.i{bits}(i{bits} {first}, i{bits} {second})
  %flag = extractvalue {pair} %both, 1
  br i1 %flag, label %leave, label %on

leave:
  tail call void @__sg_exit(ptr %memory, i{bits} {stored})
  ret void

on:
  %sum = extractvalue {pair} %both, 0
  %place = getelementptr i64, ptr %memory, i64 1
  store i{bits} %sum, ptr %place
  ret void
}}
"""


def test_the_exit_computes_the_operand_again() -> None:
    before = function("sadd")
    assert may_undo(before)
    assert undone(before).split("leave:\n")[1].splitlines()[:4] == [
        "  %sg.1 = extractvalue { i64, i1 } %both, 0",
        "  %sg.2 = sub i64 %sg.1, %b",
        "  tail call void @__sg_exit(ptr %memory, i64 %sg.2)",
        "  ret void",
    ]


@pytest.mark.parametrize("kind", ["sadd", "uadd", "ssub", "usub"])
@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize(
    ("first", "second", "stored"), [("%a", "%b", "%a"), ("%a", "%b", "%b"), ("%a", "-3", "%a"), ("5", "%b", "%b")]
)
def test_it_is_the_operand_for_all_values(kind: str, bits: int, first: str, second: str, stored: str) -> None:
    before = function(kind, bits, first, second, stored)
    after = undone(before)
    assert after != before
    top = 1 << bits - 1
    edges = (0, 1, 2, 3, top - 2, top - 1, top, top + 1, 2 * top - 1)
    for a in edges:
        for b in edges:
            assert run(after, (a, b)) == run(before, (a, b)), (a, b)


PLAIN = function("sadd")
OTHERWISE = {
    "the operand is needed in any case": PLAIN.replace("store i64 %sum", "store i64 %a"),
    "both operands are the same": function("sadd", second="%a"),
    "nobody needs an operand": function("sadd", stored="9"),
    "control leaves where it does not overflow": PLAIN.replace("label %leave, label %on", "label %on, label %leave"),
    "where it overflows is no exit": PLAIN.replace("@__sg_exit", "@other"),
    "the flag is used twice": PLAIN.replace("  br i1", "  %used = zext i1 %flag to i64\n  br i1"),
    "others leave by the same exit": PLAIN.replace(
        "entry:\n", "entry:\n  %zero = icmp eq i64 %b, 0\n  br i1 %zero, label %leave, label %next\n\nnext:\n"
    ),
    "a phi names the operand": PLAIN.replace("leave:\n", "leave:\n  %left = phi i64 [ %a, %entry ]\n").replace(
        "%memory, i64 %a)", "%memory, i64 %left)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERWISE)
def test_nothing_changes_where(case: str) -> None:
    text = OTHERWISE[case]
    run(text, (1, 2))  # it is right as it is
    assert undone(text) == text
