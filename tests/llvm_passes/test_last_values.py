"""Stores to a declared place are taken out, and what may look at the place is found in the function's text."""

import pytest

from llvm_passes.expression import Hole
from llvm_passes.last_values import Exits, LastValues, Place, defer, place_of
from llvm_passes.layout import Layout

LAYOUT = Layout({"struct.Frame": "%struct.Frame = type { i64, ptr, [4 x i64] }"})
IP = Place("ip", 0, "r12", 8, 8)
OPERAND = Hole("operand", 64, kind="pointer")
END = "  %r = musttail call preserve_nonecc i64 @__sg_continue(ptr %f, ptr %s)\n  ret i64 %r\n"
EXIT = "  %x = musttail call preserve_nonecc i64 @__sg_exit(ptr %f, ptr %s)\n  ret i64 %x\n"
STORE = "  store ptr %v, ptr %p, align 8\n"
LOOK = "  call void @look(ptr %f)\n"
BRANCH = "  %n = load i64, ptr %s\n  %c = icmp eq i64 %n, 0\n  br i1 %c, label %one, label %two\n"
WRITE = 'call void asm sideeffect "call __sg_write_last_0", '
REWRITE = 'call void asm sideeffect "call __sg_rewrite_last_0", '


def function(*blocks: str) -> str:
    head = "define dso_local preserve_nonecc i64 @F(ptr noundef readonly %f, ptr noundef %s) {\nentry:\n"
    values = "  %p = getelementptr i8, ptr %f, i64 8\n  %v = call ptr @__sg_hole_p_operand()\n"
    return f"{head}{values}{''.join(blocks)}}}"


def deferred(*blocks: str, place: Place = IP, groups: dict[str, str] | None = None) -> tuple[str, LastValues]:
    return defer(function(*blocks), LAYOUT, [place], groups or {})


def effects(*blocks: str, place: Place = IP, groups: dict[str, str] | None = None) -> list[str]:
    _, last = deferred(*blocks, place=place, groups=groups)
    return [effect.action for effect in last.effects]


def test_a_store_becomes_an_effect() -> None:
    text, last = deferred(STORE, END)
    assert "store" not in text and "asm" not in text
    assert [(effect.action, effect.value) for effect in last.effects] == [("set", OPERAND)]
    assert last.exits is Exits.WRITE and last.registers == ("r12",)


def test_a_look_writes_what_was_before() -> None:
    text, last = deferred(LOOK, END, place=Place("ip", 0, "r12", 8, 8, writers=frozenset()))
    assert text.index(WRITE) < text.index("@look")
    assert '"{r12},~{r10},~{memory},~{dirflag},~{fpsr},~{flags}"(ptr %f)' in text
    assert [effect.action for effect in last.effects] == ["written"]
    assert "readonly" not in text  # what was known of the pointer is no longer so


def test_a_look_after_the_store_makes_the_store() -> None:
    text, last = deferred(STORE, LOOK, END, place=Place("ip", 0, "r12", 8, 8, writers=frozenset()))
    assert text.index("store ptr %v") < text.index("@look") and WRITE not in text
    assert [effect.action for effect in last.effects] == ["set", "written"]


@pytest.mark.parametrize(
    ("line", "place", "groups", "found"),
    [
        (LOOK, IP, {}, ["forget"]),  # whoever may look may write
        (LOOK, Place("ip", 0, "r12", 8, 8, writers=frozenset({"other"})), {}, ["written"]),
        (LOOK, Place("ip", 0, "r12", 8, 8, blind=frozenset({"look"})), {}, []),
        (LOOK, IP, {"@look": "nounwind memory(none)"}, []),
        (LOOK, IP, {"@look": "nounwind memory(read)"}, ["written"]),
        ("  call void %s(ptr %f)\n", IP, {}, ["forget"]),
        ('  call void asm sideeffect "", "~{memory}"()\n', IP, {}, ["forget"]),
        ('  call void asm sideeffect "nop", ""()\n', IP, {}, []),
        ("  call void @llvm.memset.p0.i64(ptr %f, i8 0, i64 8, i1 false)\n", IP, {}, []),
        ("  call void @llvm.memset.p0.i64(ptr %f, i8 0, i64 9, i1 false)\n", IP, {}, ["forget"]),
        ("  %l = load i32, ptr %p\n", IP, {}, ["written"]),
        ("  %l = load i64, ptr %f\n", IP, {}, []),
        ("  %l = load volatile ptr, ptr %p\n", IP, {}, ["forget"]),
        ("  store i64 1, ptr %f\n", IP, {}, []),
        ("  store ptr %s, ptr %p\n", IP, {}, ["forget"]),  # a value of run time: stored at once
        ("  store i32 0, ptr %p\n", IP, {}, ["forget"]),  # half of the place
        ("  store i64 1, ptr %s\n", IP, {}, []),  # by another pointer: the author's promise
    ],
)
def test_what_counts_as_a_look(line: str, place: Place, groups: dict[str, str], found: list[str]) -> None:
    assert effects(line, END, place=place, groups=groups) == found


@pytest.mark.parametrize(
    ("pointer", "may_be_the_place"),
    [
        ("  %q = getelementptr i8, ptr %f, i64 %i\n", True),  # a choice between two members
        ("  %q = getelementptr i64, ptr %f, i64 %i\n", True),
        ("  %a = getelementptr i8, ptr %f, i64 16\n  %q = getelementptr i64, ptr %a, i64 %i\n", False),  # a later array
        ("  %a = getelementptr i8, ptr %f, i64 16\n  %q = getelementptr i8, ptr %a, i64 %i\n", True),
        ("  %q = getelementptr %struct.Frame, ptr %f, i64 0, i32 2, i64 %i\n", False),
        ("  %q = select i1 %b, ptr %p, ptr %s\n", True),
        ("  %w = ptrtoint ptr %f to i64\n  %u = add i64 %w, 8\n  %q = inttoptr i64 %u to ptr\n", True),
    ],
)
def test_pointers_that_are_computed(pointer: str, may_be_the_place: bool) -> None:
    index = "  %i = load i64, ptr %s\n  %b = icmp eq i64 %i, 0\n"
    assert effects(index, pointer, "  store i64 1, ptr %q\n", END) == (["forget"] if may_be_the_place else [])


def test_ways_that_meet_with_the_same_value() -> None:
    """One of them looked: memory is right there, and it is not known on which way the trace came."""
    rest = f"one:\n{LOOK}  br label %two\ntwo:\n"
    place = Place("ip", 0, "r12", 8, 8, writers=frozenset())
    assert effects(BRANCH, rest, END, place=place) == ["unsure"]
    assert effects(STORE, BRANCH, rest, END, place=place) == ["forget", "set"]
    text, _ = deferred(BRANCH, rest, LOOK, END, place=place)
    assert text.count(WRITE) == 1 and text.count(REWRITE) == 1


def test_ways_that_meet_with_different_values_keep_their_stores() -> None:
    text, last = deferred(BRANCH, f"one:\n{STORE}  br label %two\ntwo:\n", END)
    assert text.count("store ptr %v") == 1 and text.index(WRITE) < text.index("br i1")
    assert [effect.action for effect in last.effects] == ["forget"]


def test_exits() -> None:
    def exits(*parts: str) -> tuple[Exits, bool]:
        _, last = deferred(*parts, place=Place("ip", 0, "r12", 8, 8, writers=frozenset()))
        return last.exits, last.before_exits

    assert exits(BRANCH, f"one:\n{EXIT}two:\n{STORE}{END}") == (Exits.WRITE, False)
    assert exits(STORE, BRANCH, f"one:\n{EXIT}two:\n{END}") == (Exits.WRITE, True)
    assert exits(LOOK, BRANCH, f"one:\n{EXIT}two:\n{END}") == (Exits.PLAIN, False)  # written before the look
    other = "  %m = load i64, ptr %s\n  %d = icmp eq i64 %m, 1\n  br i1 %d, label %three, label %four\n"
    exits_twice = f"one:\n{EXIT}two:\n{{}}{other}three:\n{EXIT.replace('%x', '%y')}four:\n{END}"
    assert exits(BRANCH, exits_twice.format(STORE)) == (Exits.PLAIN, False)
    assert exits(BRANCH, exits_twice.format(LOOK)) == (Exits.REWRITE, False)


def test_where_a_place_is() -> None:
    address = (
        "define internal ptr @A(ptr %0, ptr %1) {\n  %3 = getelementptr inbounds i8, ptr %1, i64 24\n  ret ptr %3\n}"
    )
    assert place_of(address, LAYOUT) == (1, 24)
    assert place_of("define internal ptr @A(ptr %0, ptr %1) {\n  ret ptr %0\n}", LAYOUT) == (0, 0)
    loaded = "define internal ptr @A(ptr %0) {\n  %2 = load ptr, ptr %0\n  ret ptr %2\n}"
    assert place_of(loaded, LAYOUT) is None
