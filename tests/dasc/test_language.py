"""The language of hand-written files: what each construct becomes, and what its mistakes are called."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dasc import Options, TranslationError, compile_text
from dasc.language.conditions import ConditionError, holds
from tests.dasc.translate import action_list

HEAD = "|.arch x64\n"


def puts(text: str, options: Options | None = None) -> list[str]:
    """The calls of dasm_put that a file becomes, and its lines of C."""
    lines = action_list(HEAD + text, options).splitlines()[3:]
    return [line.strip() for line in lines if line.strip()]


def errors(text: str, head: str = HEAD) -> str:
    with pytest.raises(TranslationError) as caught:
        action_list(head + text)
    return str(caught.value)


# ---- Statements and lines ----


def test_a_line_is_c_unless_it_starts_with_a_bar() -> None:
    assert puts("int x;\n|| int y;\n| ret\nint z;\n") == ["int x;", "int y;", "dasm_put(Dst, 0);", "int z;"]


def test_semicolons_separate_statements_and_comments_end_them() -> None:
    assert puts("| ret; ret // ; ret\n") == puts("| ret\n| ret\n")


def test_equal_runs_share_their_actions() -> None:
    assert puts("| ret\n;\n| nop\n;\n| ret\n") == [
        "dasm_put(Dst, 0);",
        ";",
        "dasm_put(Dst, 2);",
        ";",
        "dasm_put(Dst, 0);",
    ]


# ---- Definitions, macros, conditionals ----


def test_definitions_are_substituted_until_none_is_left() -> None:
    assert puts("|.define A, B\n|.define B, rcx\n| mov A, x\n") == puts("| mov rcx, x\n")


def test_definitions_can_come_from_the_command_line() -> None:
    assert puts("| mov A, x\n", Options(definitions=(("A", "rcx"),))) == puts("| mov rcx, x\n")


def test_macros_have_parameters_paste_tokens_and_hold_c() -> None:
    text = "|.macro load, reg, n\n|| if (n) {\n| mov r..reg, n\n|| }\n|.endmacro\n| load ax, value\n"
    assert puts(text) == ["if (value) {", "dasm_put(Dst, 0, value);", "}"]


def test_macros_may_differ_in_the_number_of_parameters_only() -> None:
    text = "|.macro m, a\n| push a\n|.endmacro\n|.macro m\n| ret\n|.endmacro\n| m rax\n| m\n"
    assert puts(text) == puts("| push rax\n| ret\n")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("1", True), ("0", False), ("nothing", False), ("not nothing", True), ("1 and 0", False), ("nil or 2", True),
        ("3 > 2 and 2 >= 2", True), ("1 + 2 * 3 == 7", True), ("-2 ^ 2 == -4", True), ("2 ^ 3 ^ 0 == 2", True),
        ("'a' .. 'b' == \"ab\"", True), ("1 ~= '1'", True), ("7 % 4 == 3", True), ("0x10 == 16", True), ("#'abc' == 3", True),
        ("(1 == 2) == false", True), ("'a' < 'b'", True),
    ],
)  # fmt: skip
def test_conditions_are_those_of_lua(condition: str, expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize("condition", ["", "1 +", "(1", "1 2", "nil + 1", "1 < 'a'", "$", "1 // 2", "9^9^9^9", "1/0"])
def test_bad_conditions_are_refused_in_words(condition: str) -> None:
    with pytest.raises(ConditionError):
        holds(condition)


@pytest.mark.parametrize(("a", "b", "expected"), [("1", "1", "1"), ("0", "1", "2"), ("0", "0", "3")])
def test_one_branch_of_a_conditional_is_taken(a: str, b: str, expected: str) -> None:
    text = f"|.if {a}\n| ret 1\n|.if 0\n|.else\n|.endif\n|.elif {b}\n| ret 2\n|.else\n| ret 3\n|.endif\n"
    assert puts(text) == puts(f"| ret {expected}\n")


def test_included_files_are_looked_for_beside_the_file_too(tmp_path: Path) -> None:
    (tmp_path / "inner.inc").write_text("| ret\n")
    text = f"{HEAD}|.include inner.inc\n"
    (tmp_path / "outer.dasc").write_text(text)
    assert "dasm_put(Dst, 0);" in compile_text(text, str(tmp_path / "outer.dasc"), "actionlist")


def test_captured_lines_are_written_where_they_are_dumped() -> None:
    assert puts("|.capture late\nint late;\n|.endcapture\nint early;\n|.dumpcapture late\n") == [
        "int early;",
        "int late;",
    ]


# ---- Operands ----


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("mov r0d, r12b; ", None),
        ("mov r0, r7", "mov rax, rdi"),
        ("mov r4b, r8b", "mov spl, r8b"),
        ("mov rax, [rbx+aword*2]", "mov rax, [rbx+16]"),
        ("mov rax, [rbx-dword*2]", "mov rax, [rbx-8]"),
        ("mov eax, word*4", "mov eax, 8"),
        ("add eax, 0xffffffff", "add eax, -1"),
        ("imul eax, 5", "imul eax, eax, 5"),
        ("fadd st3", "fadd st0, st3"),
        ("mov eax, dword [0x10]", "mov eax, [16]"),
        ("mov al, byte [eax]", "mov al, [rax]"),
    ],
)  # fmt: skip
def test_spellings_that_mean_the_same(written: str, same: str | None) -> None:
    if same is None:
        assert "mixed" in errors(f"| {written}\n") or "no such form" in errors(f"| {written}\n")
    else:
        assert puts(f"| {written}\n") == puts(f"| {same}\n")


def test_types_have_members_a_register_and_a_size() -> None:
    text = "|.type L, lua_State, rbx\n| mov rax, L->base\n| mov rax, L:rcx->top\n| mov eax, #L\n| mov rax, L[2].base\n"
    [define, call] = puts(text)
    assert define == "#define Dt1(_V) (int)(ptrdiff_t)&(((lua_State *)0)_V)"
    assert call == "dasm_put(Dst, 0, Dt1(->base), Dt1(->top), sizeof(lua_State), Dt1([2].base));"


def test_global_labels_are_numbered_in_the_order_of_their_use() -> None:
    text = "| jmp ->b\n|->a:\n|->b:\n|.globals G_\n|.globalnames names\n"
    assert puts(text) == [
        "enum {", "G_b,", "G_a,", "G__MAX", "};",
        "static const char *const names[] = {", '"b",', '"a",', "(const char *)0", "};", "dasm_put(Dst, 0);",
    ]  # fmt: skip


# ---- Mistakes ----


def test_an_error_names_file_line_column_cause_and_remedy() -> None:
    assert errors("  |  mvo rax, 1\n") == (
        "in.dasc:2:6: error: unknown statement `mvo`\n"
        "    2 |   |  mvo rax, 1\n"
        "      |      ^~~\n"
        "  → did you mean `mov`?"
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("| mvo rax, 1", "in.dasc:2:3: error: unknown statement `mvo`"),
        ("| mvo rax, 1", "did you mean `mov`?"),
        ("| mov [rax], 1", "error: MOV: the size of the memory operand is ambiguous"),
        ("| mov rax, ecx", "error: MOV rax, ecx: no such form"),
        ("| mov rax, [rcx+rsp*2]", "in.dasc:2:17: error: `rsp` cannot be an index register"),
        ("| mov rax, [cl]", "in.dasc:2:13: error: `cl` cannot be a base register"),
        ("| mov rax, [rcx+rdx", "a `]` is missing"),
        ("| mov rax, 0x123456789", "is wider than 32 bits"),
        ("| mov rax, 8+rcx", "the register `rcx` cannot be part of the expression"),
        ("| mov Rd, 1", "`Rd` needs its number in parentheses"),
        ("| test al, [->x]; cmp dword [->x], 1", "cannot combine a label's address and an immediate"),
        ("| .align 3", "`3` is not an alignment"),
        ("|.byte 256", "256 does not fit 1 bytes"),
        ("|.macro two, a, b\n|.endmacro\n| two 1", "the macro `two` takes 2 parameters; here are 1"),
        ("|.macro two, a, b\n|.endmacro\n| two 1, 2,", "the macro `two` takes 2 parameters; here are 3"),
        ("| .byte 1, ", "in.dasc:2:3: error: a parameter is missing"),
        ("| add eax,, ebx", "a parameter is missing"),
        ("|.if 1,\n|.endif", "a parameter is missing"),
        ("| rep movsb", "write rep; movsb"),
        ("| mov rax, 8+fs", "a segment is a prefix"),
        ("| vpaddd xmm(n), xmm17, [rax]", "the register (n) cannot be encoded in an EVEX prefix"),
        ("| vaddps 5{k1}, zmm2, zmm3", "only registers and memory can be under a mask"),
        ("| vaddps zmm1, zmm2, dword [rax]{1to5}", "the memory operand cannot be broadcast so"),
        ("| jrcxz >1", "no branch of one byte, and `jrcxz` no other"),
        ("|.elif 1", ".elif without .if"),
        ("|.if 1", "this conditional has no end"),
        ("|.macro m", "the macro `m` has no end"),
        ("|.capture c", "this capture has no end"),
        ("|.include nowhere", "the file `nowhere` was not found"),
        ("|.arch x64", "the architecture is given twice"),
        ("|.error nonsense", "error: nonsense"),
        ("|.define a, a\n| a", "the definition of `a` contains itself"),
        ("|.macro m\n| m\n|.endmacro\n| m", "the macro `m` calls itself"),
        ("|.macro m, a\n| mov a, foo bar]\n|.endmacro\n| m rax", "[in macro m]"),
        ("|.type T, t, al", "a type's register must hold an address"),
        ("|.section a, a", "`a` cannot name a section"),
        ("|->1x: nop", "unknown"),
        ("| jmp ->1x", "`1x` cannot name a global label"),
    ],
)
def test_mistakes_are_told_in_words(line: str, message: str) -> None:
    assert message in errors(f"{line}\n")


def test_the_architecture_comes_first() -> None:
    assert "the architecture is not known yet" in errors("| ret\n", "")


def test_all_mistakes_are_told_at_once() -> None:
    assert errors("| mvo\n| ret\n| addd rax\n").count("error:") == 2


TYPED = [
    "|",
    "|.",
    ".if_1",
    ".endif",
    ".macro_a,_b",
    ".endmacro",
    "a",
    "mov_",
    "rax",
    ",_",
    "[",
    "]",
    "(",
    ")",
    "+",
    "*4",
    "->x",
    "=>n",
    "<1",
    "1:",
    ":",
    "n",
    "0x7f",
    "Rd(n)",
    "dword_",
    "&p",
    "extern_f",
    ";",
    "//",
    "..",
    ".byte_",
    ".align_",
    ".type_T,_t,_rbx",
    "T->m",
    "xmm1",
    "#T",
    "'",
    "\\",
    "{",
    "}",
    "||",
    ".define_a,_b",
    ".define_b,_a",
]
PIECES = [piece.replace("_", " ") for piece in TYPED] + ["\n", "\n| ", " "]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_whatever_is_typed_is_translated_or_refused_in_words(pieces: list[str]) -> None:
    try:
        compile_text(HEAD + "| " + "".join(pieces), "in.dasc", "actionlist")
        compile_text(HEAD + "| " + "".join(pieces), "in.dasc")
    except TranslationError as error:
        assert "in.dasc:" in str(error)
