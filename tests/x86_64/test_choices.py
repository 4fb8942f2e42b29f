"""Which of several encodings is meant: prefixes like the assemblers' {vex} and {disp32}, in Python and in text."""

from __future__ import annotations

import pytest

from x86_64 import (
    ADDR32,
    DISP8,
    DISP32,
    EVEX,
    MOV,
    STOSB,
    VADDPS,
    VEX,
    VEX2,
    VEX3,
    VP2INTERSECTD,
    VPDPBUSD,
    VPMADD52LUQ,
    Instruction,
    OperandError,
    Register,
    format_att,
    parse_att,
    parse_intel,
)
from x86_64.registers import ebx, ecx, edi, k2, k3, k4, k5, rax, rbx, rdi, xmm0, xmm1, xmm2, xmm8

from .assemblers import assemble, gnu_available

CHOSEN = {
    "{vex} vpdpbusd %xmm1, %xmm2, %xmm0": VEX(VPDPBUSD(xmm0, xmm2, xmm1)),
    "{evex} vpdpbusd %xmm1, %xmm2, %xmm0": EVEX(VPDPBUSD(xmm0, xmm2, xmm1)),
    "vpdpbusd %xmm1, %xmm2, %xmm0": VPDPBUSD(xmm0, xmm2, xmm1),
    "{vex} vpmadd52luq (%rbx), %xmm2, %xmm0": VEX(VPMADD52LUQ(xmm0, xmm2, [rbx])),
    "{evex} vaddps %xmm1, %xmm2, %xmm0": EVEX(VADDPS(xmm0, xmm2, xmm1)),
    "{vex2} vaddps %xmm1, %xmm2, %xmm0": VEX2(VADDPS(xmm0, xmm2, xmm1)),
    "{vex3} vaddps %xmm1, %xmm2, %xmm0": VEX3(VADDPS(xmm0, xmm2, xmm1)),
    "{disp8} mov (%rbx), %rax": DISP8(MOV(rax, [rbx])),
    "{disp32} mov 4(%rbx), %rax": DISP32(MOV(rax, [rbx + 4])),
    "addr32 rep stosb": Instruction("STOSB", (), ("ADDR32", "REP")),
}


@pytest.mark.parametrize("which", ["gnu", "llvm"])
def test_assemblers_choose_the_same(which: str) -> None:
    if which == "gnu" and not gnu_available():
        pytest.skip("GNU as is not on PATH")
    results = [result.code for result in assemble(list(CHOSEN), which)]
    assert results == [instruction.encode() for instruction in CHOSEN.values()]


def test_load_and_store_choose_the_direction() -> None:
    """GNU as only."""
    assert parse_att("{load} movq %rax, %rbx").encode() == bytes.fromhex("488bd8")
    assert parse_att("{store} movq %rax, %rbx").encode() == bytes.fromhex("4889c3")


@pytest.mark.parametrize("text", CHOSEN)
def test_both_syntaxes_name_the_choice(text: str) -> None:
    instruction = CHOSEN[text]
    assert format_att(instruction) == text
    assert parse_att(text) == instruction == parse_intel(str(instruction))


def test_all_options_have_every_family_that_needs_no_more() -> None:
    heads = {code[0] for code in VPDPBUSD(xmm0, xmm2, xmm1).encode_options()}
    assert heads == {0xC4, 0x62}
    heads = {code[0] for code in VADDPS(xmm0, xmm2, xmm1).encode_options()}
    assert heads == {0xC5, 0xC4}, "AVX-512 must be asked for"
    assert [code[0] for code in EVEX(VADDPS(xmm0, xmm2, xmm1)).encode_options()] == [0x62]


def test_effects_are_those_of_the_chosen_family() -> None:
    assert VEX(VPDPBUSD(xmm0, xmm2, xmm1)).effects.features == ("AVX_VNNI",)
    assert VPDPBUSD(xmm0, xmm2, xmm1).effects.features == ("AVX512VL", "AVX512_VNNI")


@pytest.mark.parametrize(
    ("choose", "instruction", "reason"),
    [
        (VEX, MOV(rax, rbx), "no form with these operands is as VEX wants it"),
        (VEX2, VADDPS(xmm0, xmm1, xmm8), "no encoding is as VEX2 wants it"),
        (DISP8, MOV(rax, [rbx + 1000]), "1000 does not fit"),
        (ADDR32, MOV(rax, rbx), "the prefix has no meaning here"),
    ],
)  # fmt: skip
def test_impossible_choices_are_refused(choose: object, instruction: Instruction, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        choose(instruction).encode()  # type: ignore[operator]


def test_addr32_narrows_implied_addresses() -> None:
    effects = ADDR32(STOSB()).effects
    assert edi in effects.reads
    assert rdi in effects.writes
    assert effects.memory_writes[0].base is edi
    assert ecx in parse_att("addr32 rep stosb").effects.reads


def test_far_branches_have_names_of_their_own() -> None:
    assert parse_intel("jmp far fword [rbx]") == parse_intel("ljmp fword [rbx]") == parse_att("ljmp *(%rbx)")
    assert parse_att("ljmpq *(%rbx)").encode() == bytes.fromhex("48ff2b")
    assert parse_att("lcallw *(%rbx)").encode() == bytes.fromhex("66ff1b")


def test_both_addresses_of_movdir64b_have_one_width() -> None:
    assert parse_intel("movdir64b ecx, [ebx]").encode() == bytes.fromhex("67660f38f80b")
    with pytest.raises(OperandError, match="both addresses must have the same width"):
        parse_intel("movdir64b ecx, [rbx]").encode()
    assert ebx in parse_intel("movdir64b ecx, [ebx]").effects.reads


@pytest.mark.parametrize(("first", "both"), [(k2, {k2, k3}), (k4, {k4, k5})])
def test_a_pair_of_masks_is_written_whole(first: Register, both: set[Register]) -> None:
    assert VP2INTERSECTD(first, xmm0, xmm1).effects.writes == both
