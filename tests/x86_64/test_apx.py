"""APX: r16 … r31, new destinations, flags left alone, conditional compares. The bytes are compared in test_assemblers."""

from __future__ import annotations

import pytest

from x86_64 import (
    ADD,
    ANDN,
    CCMPE,
    EVEX,
    IMULZU,
    MOV,
    MOVAPS,
    NF,
    POP2,
    PSHUFB,
    PUSH2,
    SETZUE,
    SUB,
    VADDPS,
    Flags,
    Instruction,
    OperandError,
    dfv,
    format_att,
    parse_att,
    parse_intel,
    qword,
)
from x86_64.registers import (
    HIGH_REGISTERS,
    REGISTERS,
    ah,
    al,
    ax,
    cx,
    dx,
    r16,
    r16b,
    r17,
    r31,
    rax,
    rbx,
    rcx,
    rsp,
    xmm1,
    xmm2,
)


def test_r16_to_r31_have_all_widths() -> None:
    assert [r31.resize(size).name for size in (1, 2, 4, 8)] == ["r31b", "r31w", "r31d", "r31"]
    assert r16b.whole is r16
    assert len(HIGH_REGISTERS) == 64
    assert not set(HIGH_REGISTERS) & set(REGISTERS)


@pytest.mark.parametrize(
    ("instruction", "family"),
    [
        (ADD(r16, rax), "legacy"),  # by REX2
        (MOVAPS(xmm1, [r16]), "legacy"),
        (ANDN(rax, rbx, r16), "EVEX"),  # VEX has no room for the fifth bit
        (VADDPS(xmm1, xmm2, [rax + r16 * 4]), "EVEX"),
    ],
)
def test_high_registers_choose_the_form_and_need_apx(instruction: Instruction, family: str) -> None:
    code = instruction.encode()
    assert (code[0] == 0x62) == (family == "EVEX")
    assert "APX_F" in instruction.effects.features


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: PSHUFB(xmm1, [r16]), "r16 cannot be encoded: the opcode takes no REX2 prefix"),
        (lambda: MOV(r16b, ah), "ah cannot be encoded beside r8–r31"),
        (lambda: ADD(ah, al, al), "ah cannot be encoded in a form with an EVEX prefix"),
        (lambda: EVEX(ADD(ah, al)), "ah cannot be encoded in a form with an EVEX prefix"),
        (lambda: POP2(rax, rax), "all registers must be different"),
        (lambda: PUSH2(rax, rsp), "rsp cannot be an operand"),
        (lambda: NF(MOV(rax, rbx)), "no form with these operands is as NF wants it"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_reason(make: object, reason: str) -> None:
    with pytest.raises(OperandError, match=reason):
        make().encode()  # type: ignore[operator]


def test_a_new_destination_is_written_whole() -> None:
    effects = ADD(cx, ax, dx).effects
    assert effects.writes == {rcx}
    assert effects.partial_writes == set()
    assert effects.reads == {ax, dx}
    assert SETZUE(al).effects.writes == {rax}
    assert IMULZU(cx, ax, 3).effects.partial_writes == set()


def test_nf_leaves_the_flags_alone() -> None:
    assert ADD(rax, rbx).effects.flags_written
    effects = NF(SUB(rax, rbx)).effects
    assert (effects.flags_read, effects.flags_written, effects.flags_undefined) == (Flags(0), Flags(0), Flags(0))
    assert "APX_F" in effects.features


def test_a_conditional_compare_names_its_default_flags() -> None:
    instruction = CCMPE(dfv("cf", "zf"), rax, qword[rbx])
    assert str(instruction) == "ccmpe {dfv=zf,cf} rax, qword [rbx]"
    assert format_att(instruction) == "ccmpe {dfv=zf,cf} (%rbx), %rax"
    assert parse_intel(str(instruction)) == parse_att(format_att(instruction)) == instruction
    assert instruction.effects.flags_read == Flags.ZF
    with pytest.raises(OperandError, match="'af' is no default flag"):
        dfv("af")


def test_older_instructions_keep_their_encoding() -> None:
    assert ADD(rax, rbx).encode() == bytes.fromhex("4801d8")
    assert EVEX(ADD(rax, rbx)).encode() == bytes.fromhex("62f4fc0801d8")
    assert ADD(rax, rbx, r17).encode()[0] == 0x62
