"""What a micro-op says is what all ways through it say; what it loses, what any of them loses."""

import pytest

from llvm_passes.effects import (
    Effect,
    Effects,
    UnknownLocation,
    read,
    unknown_operands,
    without_facts,
)
from llvm_passes.expression import Const, Hole, JitExpr, Operation
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout

LAYOUT, NOTHING = Layout({}), Knowledge()
A = Hole("a", 32, signed=True)
END = "  %r = musttail call preserve_nonecc i64 @__sg_continue(ptr %s)\n  ret i64 %r\n"
JUMP = "  %j = musttail call preserve_nonecc i64 @__sg_label_target(ptr %s)\n  ret i64 %j\n"


def function(*blocks: str) -> str:
    head = "define dso_local preserve_nonecc i64 @F(ptr %s) {\nentry:\n"
    return f"{head}  %a = call i32 @__sg_hole_i32_a()\n  %v = load i32, ptr %s\n  %c = icmp eq i32 %v, 0\n{''.join(blocks)}}}"


def call(name: str, *arguments: str) -> str:
    return f"  tail call void @__sg_effect_{name}({', '.join(arguments)})\n"


def effects(text: str, knowledge: Knowledge = NOTHING) -> tuple[Effects, Effects]:
    reading = read(text, LAYOUT, knowledge)
    assert reading is not None
    return reading.effects()


def condition(text: str, knowledge: Knowledge = NOTHING) -> JitExpr | None:
    reading = read(text, LAYOUT, knowledge)
    assert reading is not None
    return reading.condition()


def said(*blocks: str) -> list[str]:
    return [str_of(effect) for effect in effects(function(*blocks))[0]]


def str_of(effect: Effect) -> str:
    return " ".join([effect.kind, *map(str, effect.operands)])


LEARN, LEARN_3 = call("learn", "i32 noundef %a", "i32 noundef 2"), call("learn", "i32 3", "i32 1")
FORGET, FORGET_3 = call("forget", "i32 %a"), call("forget", "i32 3")
BRANCH = "  br i1 %c, label %one, label %two\n"


def test_one_way() -> None:
    assert said(FORGET, LEARN, END) == ["forget a", "learn a 2"]


def test_ways_that_meet() -> None:
    rest = "  br label %both\n"

    def met(one: str, two: str) -> list[str]:
        return said(LEARN_3, BRANCH, f"one:\n{one}{rest}", f"two:\n{two}{rest}", f"both:\n{END}")

    assert met(LEARN, LEARN) == ["learn 3 1", "learn a 2"]
    assert met(LEARN, "") == ["learn 3 1"]
    assert met(FORGET + LEARN, "") == ["learn 3 1", "forget a"]
    assert met(FORGET, FORGET_3) == ["learn 3 1", "forget 3", "forget a"]
    assert met(call("copy", "i32 %a", "i32 3"), "") == ["learn 3 1", "forget a"]
    assert met(call("exchange", "i32 %a", "i32 3"), "") == ["learn 3 1", "forget 3", "forget a"]
    assert met(call("shift", "i32 4"), "") == ["learn 3 1", "forget_all"]
    assert met(call("shift", "i32 4"), call("shift", "i32 4")) == ["learn 3 1", "shift 4"]


def test_ends_that_differ() -> None:
    assert said(BRANCH, f"one:\n{FORGET}{LEARN}{END}", f"two:\n{END}") == ["forget a"]


def test_a_way_that_leaves_does_not_count() -> None:
    leave = "  %x = musttail call preserve_nonecc i64 @__sg_exit(ptr %s)\n  ret i64 %x\n"
    assert said(BRANCH, f"one:\n{FORGET_3}{leave}", f"two:\n{LEARN}{END}") == ["learn a 2"]


def test_loops_come_to_an_end() -> None:
    loop = f"  br label %one\none:\n{FORGET}{LEARN}{FORGET_3}  br i1 %c, label %one, label %two\n"
    assert said(LEARN_3, loop, f"two:\n{END}") == ["learn 3 1", "forget 3", "forget a"]  # it is not tried to know more
    perhaps = (
        f"  br label %one\none:\n  br i1 %c, label %in, label %two\nin:\n{FORGET}{LEARN}{FORGET_3}  br label %one\n"
    )
    assert said(LEARN_3, perhaps, f"two:\n{END}") == ["learn 3 1", "forget 3", "forget a"]


def test_jumps_lose_what_was_lost_before_them() -> None:
    text = function(BRANCH, f"one:\n{FORGET}{LEARN}{JUMP}", f"two:\n{LEARN_3}{END}")
    continues, jumps = effects(text)
    assert [str_of(effect) for effect in continues] == ["learn 3 1"]
    assert [str_of(effect) for effect in jumps] == ["forget a"]


def test_a_location_that_runs_decide() -> None:
    text = function(call("forget", "i32 %v"), END)
    with pytest.raises(UnknownLocation):
        effects(text)
    assert [word for _, word in unknown_operands(text, LAYOUT)] == ["forget"]


def test_a_condition_matters_if_what_is_said_depends_on_it() -> None:
    jit = "  %e = icmp eq i32 %a, 7\n  br i1 %e, label %one, label %two\n"
    test = Operation("icmp.eq", 1, (A, Const(32, 7)))
    different = function(jit, f"one:\n{LEARN}  br label %two\n", f"two:\n{END}")
    assert condition(different) == test
    same = function(LEARN, jit, "one:\n  br label %two\n", f"two:\n{END}")
    assert condition(same) is None


def test_a_hole_whose_place_an_equal_value_has_taken() -> None:
    """Only where both are equal; the hole decides what is said there, too."""
    equal = "  %e = icmp eq i32 %v, %a\n  br i1 %e, label %one, label %two\n"
    constant, leave = call("learn_constant", "i32 3", "i64 %w"), f"two:\n{JUMP}"
    wide = "  %w = zext i32 %v to i64\n"
    assert said(equal, f"one:\n{wide}{constant}{END}", leave) == ["learn_constant 3 (zext64 a)"]
    unequal = equal.replace("icmp eq", "icmp ne").replace("label %one, label %two", "label %two, label %one")
    assert said(unequal, f"one:\n{wide}{constant}{END}", leave) == ["learn_constant 3 (zext64 a)"]
    further = f"one:\n  br label %on\non:\n{wide}{constant}{END}"
    assert said(equal, further, leave) == ["learn_constant 3 (zext64 a)"]
    for elsewhere in (
        equal + f"two:\n{wide}{constant}{END}one:\n{JUMP}",
        equal + f"one:\n  br label %two\ntwo:\n{wide}{constant}{END}",
        equal + f"two:\n  br label %on\none:\n  br label %on\non:\n{wide}{constant}{END}",
    ):
        with pytest.raises(UnknownLocation):
            said(elsewhere)
    odd = f"  %m = and i32 %v, 1\n  %o = icmp eq i32 %m, 0\n  br i1 %o, label %on, label %odd\nodd:\n{LEARN}  br label %on\n"
    text = function(equal, f"one:\n{odd}on:\n{END}", leave)
    found = condition(text)
    assert str(found) == "(icmp.eq1 (and32 a 1) 0)"
    assert found is not None
    for outcome, expected in ((0, ["learn a 2"]), (1, [])):
        known = Knowledge().assuming(found, outcome)
        assert [str_of(effect) for effect in effects(text, known)[0]] == expected
        assert condition(text, known) is None


def test_code_without_facts() -> None:
    trust = "  %t = call zeroext i1 @__sg_fact_trust(i32 %a, i32 2, i1 zeroext %c)\n"
    text = without_facts(
        function(trust, FORGET, "  br i1 %t, label %one, label %two\n", f"one:\n{END}", f"two:\n{JUMP}")
    )
    assert "__sg_effect" not in text
    assert "__sg_fact" not in text
    assert "br i1 true, label %one" in text
