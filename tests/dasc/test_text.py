"""`.dasc` text: what the writer writes, and that the reader gives it back."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dasc import (
    CompileError,
    Constants,
    DascError,
    Decision,
    File,
    InstructionLine,
    Stencil,
    Version,
    compile_file,
    parse,
    write,
)
from dasc.errors import Text
from dasc.syntax import format_instruction, parse_instruction
from tests.dasc import examples, generate
from x86_64 import (
    Address,
    Instruction,
    Label,
    Masked,
    Memory,
    Rounding,
    Symbol,
    Symbolic,
    fs,
    k1,
    rax,
    rcx,
    rdi,
    xmm1,
    zmm0,
    zmm1,
    zmm2,
)


def test_a_file_reads_as_if_a_person_had_written_it(golden: Callable[[str, str], None]) -> None:
    golden("examples.dasc", write(examples.FILE))


def test_examples_are_read_back() -> None:
    assert parse(write(examples.FILE)) == examples.FILE


@given(st.randoms(use_true_random=False), st.binary(max_size=40))
def test_whatever_is_written_is_read_back(random: Random, data: bytes) -> None:
    stencils = tuple(generate.stencil(random, f"S{number}") for number in range(random.randrange(3)))
    file = File(random.choice(((), ('#include "vm.h"',))), Constants(data), stencils)
    assert parse(write(file)) == file


def test_what_a_version_tells_the_runtime_is_read_back_and_compiled() -> None:
    said = ("SG_FORGET(instruction->d)", "SG_LEARN(instruction->d, 2)")
    one, other = Version((), examples.RETURN.hot, (), effects=said), Version(effects=said[:1])
    decides = Stencil("DECIDES", "", 0, decision=Decision("SG_HOLDS(instruction->a, 2)", one, other))
    file = File((), Constants(), (replace(examples.RETURN, effects=said), decides))
    assert parse(write(file)) == file
    assert compile_file(file).count("    SG_FORGET(instruction->d);\n") == 3


@pytest.mark.parametrize("effect", ["forget(1)", "SG_FORGET(1", "SG_FORGET(1); x()", "SG_FORGET(1)\nx()"])
def test_what_is_no_call_of_the_runtime_is_refused(effect: str) -> None:
    with pytest.raises(CompileError, match="is no call of one of the runtime's macros"):
        write(File((), Constants(), (replace(examples.RETURN, effects=(effect,)),)))


TYPED = ("", "", "|", "=>", "[", ")", "E0", ";", "//", "\n", "k1", "{", "9", "*", ":", "fs", "&")


@settings(max_examples=300)
@given(st.randoms(use_true_random=False))
def test_whatever_a_person_types_is_read_or_refused_in_words(random: Random) -> None:
    text = write(examples.FILE)
    for _ in range(random.randrange(1, 4)):
        start = random.randrange(len(text))
        end = min(len(text), start + random.choice((0, 1, 1, 3, 20)))
        text = text[:start] + random.choice(TYPED) + text[end:]
    try:
        file = parse(text)
        compile_file(file)
        assert parse(write(file)) == file
    except (DascError, CompileError) as error:
        assert str(error)


E0, E1 = Symbol("E0", -8, 8), Symbol("E1", 0, 1 << 63)

SPELLINGS = [
    ("mov rdi, qword [rax+rcx*8+16]", Instruction("MOV", (rdi, Memory(rax, rcx, 8, 16, 8)))),
    ("mov rdi, qword [rax+rcx-16]", Instruction("MOV", (rdi, Memory(rax, rcx, 1, -16, 8)))),
    ("mov rdi, qword [rcx*4+E0-3]", Instruction("MOV", (rdi, Memory(None, rcx, 4, Symbolic(E0, -3), 8)))),
    ("mov rdi, qword [E0]", Instruction("MOV", (rdi, Memory(displacement=Symbolic(E0), size=8)))),
    ("mov rdi, qword [4096]", Instruction("MOV", (rdi, Memory(displacement=4096, size=8)))),
    ("mov rdi, qword fs:[40]", Instruction("MOV", (rdi, Memory(displacement=40, size=8, segment=fs)))),
    ("lea rdi, [extern table-8]", Instruction("LEA", (rdi, Memory(target=Address("table", -8))))),
    ("lea rdi, [&table[f(1, 2)].x+8]", Instruction("LEA", (rdi, Memory(target=Address("table[f(1, 2)].x", 8))))),
    ("lea rdi, [=>L(1)]", Instruction("LEA", (rdi, Memory(target=Label("1"))))),
    ("mov64 rdi, (uintptr_t)&table+8", Instruction("MOV", (rdi, Address("table", 8)))),
    ("mov64 rdi, E1+1", Instruction("MOV", (rdi, Symbolic(E1, 1)))),
    ("mov64 rdi, 0x8000000000000000", Instruction("MOV", (rdi, 1 << 63))),
    ("mov rdi, -5", Instruction("MOV", (rdi, -5))),
    ("mov rdi, E0", Instruction("MOV", (rdi, Symbolic(E0)))),
    ("jne =>EXIT", Instruction("JNE", (Label("EXIT"),))),
    ("call extern f", Instruction("CALL", (Address("f"),))),
    ("lock; inc dword [rdi]", Instruction("INC", (Memory(rdi, size=4),), ("LOCK",))),
    ("movsd xmm1, qword [&SG_RODATA(8)]", Instruction("MOVSD", (xmm1, Memory(target=Address("SG_RODATA(8)"), size=8)))),
    ("vaddps zmm0{k1}{z}, zmm1, dword [rax]{1to16}",
     Instruction("VADDPS", (Masked(zmm0, k1, True), zmm1, Memory(rax, size=4, broadcast=16)))),
    ("vaddps zmm0, zmm1, zmm2, {rz-sae}", Instruction("VADDPS", (zmm0, zmm1, zmm2, Rounding.RZ_SAE))),
    ("ret", Instruction("RET")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "instruction"), SPELLINGS, ids=[text for text, _ in SPELLINGS])
def test_operands_are_spelled_as_in_dynasm(text: str, instruction: Instruction) -> None:
    symbols = {"E0": E0, "E1": E1}
    assert format_instruction(instruction) == text
    assert parse_instruction(Text(text, "t.dasc", 1, text), symbols) == instruction


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("mov rdi, qword [ 16 + rcx*8 + rax ]", "mov rdi, qword [rax+rcx*8+16]"),
        ("MOV rdi, qword[rax]", "mov rdi, qword [rax]"),
        ("jz =>L( 1 )", "je =>L(1)"),
        ("mov eax,0x10", "mov eax, 16"),
        ("fld tbyte [rax]", "fld tword [rax]"),
        ("add rax, E0 + 4 - 2", "add rax, E0+2"),
    ],
)
def test_people_may_write_it_differently(text: str, same: str) -> None:
    assert format_instruction(parse_instruction(Text(text, "t.dasc", 1, text), {"E0": E0})) == same


HEAD = "|.arch x64\n|.section hot, cold\nstatic void emit_S(sg_assembler *Dst)  // @stencil frame 0\n"


def test_sections_may_alternate_and_comments_are_skipped() -> None:
    text = HEAD + "{\n// hot first\n|.hot\n| ret // back\n|.cold\n| int3\n\n|.hot\n|// nothing\n| int3\n}\n"
    ret, int3 = InstructionLine(Instruction("RET")), InstructionLine(Instruction("INT3"))
    assert parse(text).stencils == (Stencil("S", parameters=(), hot=(ret, int3), cold=(int3,)),)


def errors() -> list[tuple[str, str, str]]:
    """Line of a stencil's body; what the error points at; what it says."""
    return [
        ("| mov rdi, qword [r12+E9]", "E9", "`E9` is neither a register nor a value of this stencil"),
        ("| mov rdi, qwrd [r12]", "qwrd", "`qwrd` is not a size"),
        ("| mov rdi, [r12+rax+rcx]", "r12+rax+rcx", "an address has one base and one index at most"),
        ("| mov rdi, [r12+rsp*2]", "r12+rsp*2", "rsp cannot be an index register"),
        ("| mov rdi, r12+1", "r12+1", "a sum with registers is an address, not a value"),
        ("| mov rdi, [r12-rax]", "rax", "`rax` cannot be subtracted"),
        ("| movv rdi, rax", "movv rdi, rax", "MOVV"),
        ("| add rdi, 5000000000", "add rdi, 5000000000", "does not fit"),
        ("| jne =>L(3)", "jne =>L(3)", "no line of this stencil is called =>L(3):"),
        ("| jne L(3)", "L(3)", "was expected here"),
        ("| jne =>3", "=>3", "`=>3` is not a jump target"),
        ("| rdi; mov rax, 1", "rdi", "`rdi` is not an instruction prefix"),
        ("|.data", ".data", "unknown directive `.data`"),
        ("|.arch x64", ".arch x64", "`.arch` cannot stand here"),
        ("|.hot now", ".hot now", "`.hot` cannot stand here"),
        ("while (x) {", "while (x) {", "this line of C cannot be compiled"),
        ("const int64_t E0 = 1;  // @value 5..1 64", "5..1", "5..1 is not a range"),
        (
            "const int64_t rax = 1;  // @value 1..5 64",
            "const int64_t rax = 1;  // @value 1..5 64",
            "a value cannot be called `rax`",
        ),
        ("const int64_t E0 = 1;  // @value 1..5 7", "const int64_t E0 = 1;  // @value 1..5 7", "a value of 7 bits"),
        (
            "const int64_t E0 = f(;  // @value 1..5 8",
            "const int64_t E0 = f(;  // @value 1..5 8",
            "is not an expression",
        ),
        ("|=>NEXT:", "=>NEXT:", "NEXT is not a line of the stencil"),
    ]


@pytest.mark.parametrize(("line", "culprit", "cause"), errors(), ids=[line for line, _, _ in errors()])
def test_errors_point_at_the_culprit(line: str, culprit: str, cause: str) -> None:
    with pytest.raises(DascError) as caught:
        parse(f"{HEAD}{{\n    |.hot\n    {line}\n}}\n", "s.dasc")
    first, source, caret, *_ = str(caught.value).split("\n")
    column = f"    {line}".index(culprit) + 1
    assert first.startswith(f"s.dasc:6:{column}: error: ") and cause in first
    assert source == f"    6 |     {line}"
    assert caret.index("^") == len("    6 | ") + column - 1
    assert caret.strip(" |") == "^" + "~" * (len(culprit) - 1)


def test_an_error_looks_like_clang_s() -> None:
    with pytest.raises(DascError) as caught:
        parse(f"{HEAD}{{\n\t|.hot\n\t| mov rdi, qword [r12+E9]\n}}\n", "s.dasc")
    assert str(caught.value) == (
        "s.dasc:6:24: error: `E9` is neither a register nor a value of this stencil\n"
        "    6 | \t| mov rdi, qword [r12+E9]\n"
        "      | \t                      ^~\n"
        "  → declare it: const int64_t E9 = …;  // @value LOW..HIGH 64"
    )


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("|.arch arm\n", 1, "architecture `arm` is not supported"),
        ("|.section code\n", 1, "a stencil has a hot and a cold section"),
        (HEAD, 3, "this stencil has no end"),
        (HEAD + "{\n| ret\n}\n", 5, "is this code hot or cold?"),
        (HEAD + "{\n}\nint x;\n", 6, "C code between or after stencils is not carried over"),
        (HEAD.replace("Dst", "as") + "{\n}\n", 3, "the first parameter must be the assembler"),
        (HEAD.replace("frame", "size") + "{\n}\n", 3, "this is not the head of a stencil"),
        ("|.macro twice\n", 1, "the only macro is drop_frame"),
        ("|.macro drop_frame\n", 1, "this macro has no end"),
        ("static const uint8_t sg_rodata[] = {  // @rodata\n0x12,\n300,\n};\n", 3, "`300` is not a byte"),
        ("static const uint8_t sg_rodata[] = {  // @rodata\n0x12,\n", 1, "these constants have no end"),
        ("| ret\n", 1, "this line stands in the wrong place"),
        (HEAD + "{\n|.hot\n|=>L(1):\n|.cold\n|=>L(1):\n}\n", 8, "two lines are called =>L(1):"),
    ],
)
def test_errors_in_a_file(text: str, line: int, cause: str) -> None:
    with pytest.raises(DascError) as caught:
        parse(text, "s.dasc")
    assert str(caught.value).startswith(f"s.dasc:{line}:") and cause in str(caught.value)
