"""A module's functions can be taken out one by one; what a function is made from decides its fingerprint."""

import pytest

from llvm_passes.backend import parse
from llvm_passes.module import UnreadableModule, declaration_of, split_module
from tests.llvm_passes.conftest import to_ir

ONE = 'STENCIL(LOG) { vm_log("text %d", OPARG); CONTINUE(); }\n'
TWO = "STENCIL(ADD) { frame->locals[0]->real += 1.5; CONTINUE(); }\n"
TABLE = """static const int64_t squares[5] = {0, 1, 4, 9, 16};
STENCIL(SQUARE) { thread->counter = squares[thread->pad]; CONTINUE(); }
"""
TAIL = """extern STENCIL(LATER);
STENCIL(EARLIER) { TAIL_CALL(LATER); }
__attribute__((noinline)) STENCIL(LATER) { thread->pad++; CONTINUE(); }
"""


@pytest.mark.parametrize(
    "names", [["LOG"], ["ADD"], ["SQUARE", "LOG"], ["EARLIER"], ["EARLIER", "LATER", "LOG", "ADD", "SQUARE"]]
)
def test_any_subset_is_a_valid_module(names):
    text = split_module(to_ir(ONE + TWO + TABLE + TAIL)).extract(names)
    defined = {function.name for function in parse(text).functions if not function.is_declaration}
    assert defined == set(names)


def test_an_extracted_module_holds_only_what_is_needed():
    text = split_module(to_ir(ONE + TWO + TABLE + TAIL)).extract(["LOG"])
    assert (
        "text %d" in text
        and "squares" not in text
        and "@LATER" not in text
        and "!dbg" not in text
        and "#dbg" not in text
    )


def test_a_function_that_is_not_wanted_becomes_a_declaration():
    text = split_module(to_ir(TAIL)).extract(["EARLIER"])
    assert "declare dso_local preserve_nonecc i64 @LATER(" in text


def test_declarations_of_local_functions_are_hidden():
    line = declaration_of("define internal fastcc void @f(ptr %0) unnamed_addr #3 !dbg !7 {\n  ret void\n}")
    assert line == "declare hidden fastcc void @f(ptr %0) unnamed_addr #3"


def fingerprint(source, name):
    return split_module(to_ir(source)).fingerprint(name)


def test_neighbours_do_not_change_a_fingerprint():
    alone = fingerprint(ONE, "LOG")
    assert fingerprint('STENCIL(Q) { vm_log("other"); CONTINUE(); }\n' + TABLE + TWO + ONE, "LOG") == alone


def test_moving_a_stencil_in_its_file_does_not_change_its_fingerprint():
    assert fingerprint("\n\n" + TABLE, "SQUARE") == fingerprint(TABLE, "SQUARE")


@pytest.mark.parametrize(
    ("before", "after"),
    [("9, 16", "9, 17"), ("thread->pad", "thread->pad + 1"), ("int64_t squares", "int32_t squares")],
)
def test_code_and_data_change_a_fingerprint(before, after):
    assert fingerprint(TABLE.replace(before, after), "SQUARE") != fingerprint(TABLE, "SQUARE")


def test_attributes_of_a_callee_change_a_fingerprint():
    cold = "void vm_log(const char *, ...) __attribute__((cold));\n"
    assert fingerprint(cold + ONE, "LOG") != fingerprint(ONE, "LOG")


def test_equal_constants_of_different_files_have_one_name():
    first, second = (split_module(to_ir(source)) for source in (ONE, 'STENCIL(Z) { vm_log("z"); CONTINUE(); }\n' + ONE))
    (name,) = first.globals.keys() - {"Float_Type"}
    assert name in second.globals


def test_strings_that_look_like_names_stay_as_they_are():
    source = 'STENCIL(AT) { vm_log("@.str and @AT, %x #0 !0"); CONTINUE(); }\n'
    text = split_module(to_ir(source)).extract(["AT"])
    assert "@.str and @AT, %x #0 !0" in text
    parse(text)


@pytest.mark.parametrize("text", ["int main() {}", "define void @f() {\n  ret void\n"])
def test_what_is_not_ir_is_refused(text):
    with pytest.raises(UnreadableModule):
        split_module(text)


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        split_module(to_ir(ONE)).extract(["NOWHERE"])
