"""A stencil's use of its stack is read from its IR, and a variant keeps the entries that it promises in registers."""

import pytest

from llvm_passes.derive import DeriveRequest, derive
from llvm_passes.fold import function_spans
from llvm_passes.layout import Layout
from llvm_passes.window import MemoryForm, Stack, Usage, usage_of

STACK = Stack(parameter=1, registers=3, escapes=frozenset({"look"}))


def stencil(body: str, name: str = "S") -> str:
    lines = [line.strip() for line in body.strip().splitlines()]
    text = "\n".join(line if line.endswith(":") else f"  {line}" for line in lines)
    return f"define dso_local preserve_nonecc i64 @{name}(ptr %frame, ptr %sp) {{\nentry:\n{text}\n}}"


def end(pointer: str, to: str = "__sg_continue", number: int = 1) -> str:
    return (
        f"%r{number} = musttail call preserve_nonecc i64 @{to}(ptr noundef %frame, ptr noundef nonnull {pointer})\n"
        f"ret i64 %r{number}"
    )


def usage(body: str) -> Usage:
    return usage_of(stencil(body), STACK, Layout({}))


def variants(body: str) -> dict[tuple[int, int], str]:
    """The variants of a stencil, by entries in registers before and after, optimised."""
    declarations = [
        "declare dso_local preserve_nonecc i64 @__sg_continue(ptr, ptr)",
        "declare dso_local preserve_nonecc i64 @__sg_exit(ptr, ptr)",
        "declare dso_local void @look()",
        "declare dso_local void @use(ptr)",
    ]
    text = "\n".join([*declarations, stencil(body), ""])
    result = derive(DeriveRequest(text, (("S",),), STACK))
    bodies = {name: result.ir[start:stop] for start, stop, name in function_spans(result.ir)}
    return {(v.kin, v.kout): bodies[v.name] for v in result.variants}


ADD = f"""
%a = getelementptr i8, ptr %sp, i64 -8
%x = load i64, ptr %a
%b = getelementptr i8, ptr %sp, i64 -16
%y = load i64, ptr %b
%z = add i64 %x, %y
store i64 %z, ptr %b
{end("%a")}
"""


def test_two_entries_in_and_one_out_touch_no_memory() -> None:
    body = variants(ADD)[2, 1]
    assert "load" not in body and "store" not in body
    assert "ptr noundef %sp, i64 %z, i64 poison, i64 poison)" in body


def test_an_entry_that_stays_in_memory_is_loaded_where_it_is() -> None:
    body = variants(ADD)[1, 1]
    assert body.count("load") == 1 and "store" not in body


def test_registers_are_filled_only_from_entries_that_exist() -> None:
    """ADD shows that two entries exist, of which one is left."""
    assert usage(ADD).outs(0, 3) == [0, 1]
    assert usage(ADD).outs(3, 3) == [0, 1, 2]
    assert usage(end("%sp")).outs(0, 3) == [0]
    assert usage(end("%sp")).outs(2, 3) == [0, 1, 2]


def test_what_is_accessed_on_one_way_only_proves_nothing_on_the_other() -> None:
    body = f"""
    %c = icmp eq ptr %frame, null
    br i1 %c, label %yes, label %no
    yes:
    %a = getelementptr i8, ptr %sp, i64 -8
    store i64 1, ptr %a
    br label %no
    no:
    {end("%sp")}
    """
    assert usage(body).outs(0, 3) == [0]


def test_an_exit_finds_all_entries_in_memory() -> None:
    body = variants(end("%sp", "__sg_exit"))
    assert set(body) == {(1, 0), (2, 0), (3, 0)}
    assert body[2, 0].count("store i64 %sg.r") == 2
    assert "getelementptr i8, ptr %sp, i64 16" in body[2, 0]


def test_a_stored_pointer_lets_callees_see_what_lies_below_it() -> None:
    """The popped entry need not be written back; the one below must be, and is loaded again."""
    body = f"""
    %a = getelementptr i8, ptr %sp, i64 -8
    store ptr %a, ptr %frame
    call void @use(ptr %frame)
    {end("%a")}
    """
    one, two = variants(body)[1, 0], variants(body)[2, 1]
    assert "store i64" not in one
    assert two.count("store i64 %sg.r0") == 1 and "store i64 %sg.r1" not in two
    assert two.count("load i64") == 1


def test_a_pointer_handed_over_lets_a_callee_see_everything() -> None:
    body = f"""
    %a = getelementptr i8, ptr %sp, i64 -16
    call void @use(ptr %a)
    {end("%sp")}
    """
    assert variants(body)[2, 2].count("store i64 %sg.r") == 2
    assert variants(body)[2, 2].count("load i64") == 2


def test_a_declared_function_sees_everything() -> None:
    assert variants(f"call void @look()\n{end('%sp')}")[1, 1].count("store i64 %sg.r0") == 1
    assert "store" not in variants(f"call void @use(ptr %frame)\n{end('%sp')}")[1, 1]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"%n = ptrtoint ptr %sp to i64\nstore i64 %n, ptr %frame\n{end('%sp')}", "as a number"),
        (f"%c = icmp eq ptr %sp, %frame\nstore i1 %c, ptr %frame\n{end('%sp')}", "compares"),
        (f"%n = load i64, ptr %frame\n%a = getelementptr i64, ptr %sp, i64 %n\n{end('%a')}", "not constant"),
        (f"%a = getelementptr i8, ptr %sp, i64 4\n{end('%a')}", "less than an entry"),
        (f"%a = getelementptr i8, ptr %sp, i64 8\n{end('%a')}", "does not store"),
        (f"%x = load i64, ptr %sp\nstore i64 %x, ptr %frame\n{end('%sp')}", "above the top"),
        (f"%x = load volatile i64, ptr %sp\n{end('%sp')}", "volatile"),
        (f"store ptr %sp, ptr %sp\n{end('%sp')}", "on the stack itself"),
        (f"%p = load ptr, ptr %frame\n{end('%p')}", "from elsewhere"),
        (f"store ptr %sp, ptr %frame\n%p = load ptr, ptr %frame\n{end('%p')}", "from elsewhere"),
        (f"%p = call ptr @moved(ptr %sp)\n{end('%p')}", "from elsewhere"),
        (end("%frame"), "from elsewhere"),
        (f"%a = getelementptr i8, ptr %sp, i64 8796093022208\n{end('%a')}", "more than 1024 entries"),
        (f"%a = getelementptr i8, ptr %sp, i64 -8796093022208\n{end('%a')}", "more than 1024 entries"),
        (f"%a = getelementptr i8, ptr %sp, i64 -8000000000\nstore i64 1, ptr %a\n{end('%sp')}", "more than 1024 from"),
        (f"store [1073741824 x i64] zeroinitializer, ptr %sp\n{end('%sp')}", "more than 1024 from"),
    ],
)
def test_what_else_is_done_with_the_pointer_keeps_the_stack_in_memory(body: str, reason: str) -> None:
    with pytest.raises(MemoryForm, match=reason):
        usage(body)
