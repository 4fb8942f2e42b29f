"""Effects of the instructions that a peephole or a liveness analysis most often asks about."""

from __future__ import annotations

import pytest

from x86_64 import (
    SHL,
    Address,
    Control,
    Flags,
    Instruction,
    Label,
    Memory,
    Register,
    Symbol,
    byte,
    dword,
    parse_intel,
    qword,
)
from x86_64.registers import eax, r12, rax, rcx, rdi, rsi, rsp

from .cases import all_instructions

ARITHMETIC = Flags.CF | Flags.PF | Flags.AF | Flags.ZF | Flags.SF | Flags.OF
NOTHING = Flags(0)

# Intel text: registers read, written, of these partially; flags read, written, undefined.
EFFECTS = {
    "mov rax, rcx": ("rcx", "rax", "", NOTHING, NOTHING, NOTHING),
    "mov eax, ecx": ("ecx", "rax", "", NOTHING, NOTHING, NOTHING),
    "mov ax, cx": ("cx", "ax", "ax", NOTHING, NOTHING, NOTHING),
    "mov al, ch": ("ch", "al", "al", NOTHING, NOTHING, NOTHING),
    "movzx eax, cl": ("cl", "rax", "", NOTHING, NOTHING, NOTHING),
    "add rax, rcx": ("rax rcx", "rax", "", NOTHING, ARITHMETIC, NOTHING),
    "adc rax, rcx": ("rax rcx", "rax", "", Flags.CF, ARITHMETIC, NOTHING),
    "inc rax": ("rax", "rax", "", NOTHING, ARITHMETIC & ~Flags.CF, NOTHING),
    "cmp rax, 5": ("rax", "", "", NOTHING, ARITHMETIC, NOTHING),
    "test eax, eax": ("eax", "", "", NOTHING, ARITHMETIC & ~Flags.AF, Flags.AF),
    "xor eax, eax": ("", "rax", "", NOTHING, ARITHMETIC & ~Flags.AF, Flags.AF),
    "xor eax, ecx": ("eax ecx", "rax", "", NOTHING, ARITHMETIC & ~Flags.AF, Flags.AF),
    "sub rcx, rcx": ("", "rcx", "", NOTHING, ARITHMETIC, NOTHING),
    "sbb eax, eax": ("", "rax", "", Flags.CF, ARITHMETIC, NOTHING),
    "pxor xmm3, xmm3": ("", "xmm3", "", NOTHING, NOTHING, NOTHING),
    "vpxor xmm3, xmm4, xmm4": ("", "zmm3", "", NOTHING, NOTHING, NOTHING),
    "xorps xmm3, xmm4": ("xmm3 xmm4", "xmm3", "", NOTHING, NOTHING, NOTHING),
    "cmove rax, rcx": ("rcx", "rax", "rax", Flags.ZF, NOTHING, NOTHING),
    "cmove eax, ecx": ("eax ecx", "rax", "", Flags.ZF, NOTHING, NOTHING),
    "setb al": ("", "al", "al", Flags.CF, NOTHING, NOTHING),
    "lea rax, [rcx+rdx*4+8]": ("rcx rdx", "rax", "", NOTHING, NOTHING, NOTHING),
    "mul rcx": ("rax rcx", "rax rdx", "", NOTHING, Flags.CF | Flags.OF, ARITHMETIC & ~(Flags.CF | Flags.OF)),
    "div ecx": ("eax edx ecx", "rax rdx", "", NOTHING, NOTHING, ARITHMETIC),
    "cqo": ("rax", "rdx", "", NOTHING, NOTHING, NOTHING),
    "cdqe": ("eax", "rax", "", NOTHING, NOTHING, NOTHING),
    "shl rax, 3": ("rax", "rax", "", NOTHING, ARITHMETIC & ~(Flags.AF | Flags.OF), Flags.AF | Flags.OF),
    "shl rax, 64": ("rax", "rax", "", NOTHING, NOTHING, NOTHING),
    "bsf rax, rcx": ("rcx", "rax", "rax", NOTHING, Flags.ZF, ARITHMETIC & ~Flags.ZF),
    "tzcnt rax, rcx": ("rcx", "rax", "", NOTHING, Flags.CF | Flags.ZF, ARITHMETIC & ~(Flags.CF | Flags.ZF)),
    "movsd xmm0, xmm1": ("xmm1", "xmm0", "xmm0", NOTHING, NOTHING, NOTHING),
    "movsd xmm0, qword [rdi]": ("rdi", "xmm0", "", NOTHING, NOTHING, NOTHING),
    "movaps xmm0, xmm1": ("xmm1", "xmm0", "", NOTHING, NOTHING, NOTHING),
    "addsd xmm0, xmm1": ("xmm0 xmm1", "xmm0", "", NOTHING, NOTHING, NOTHING),
    "sqrtsd xmm0, xmm1": ("xmm0 xmm1", "xmm0", "", NOTHING, NOTHING, NOTHING),
    "cvtsi2sd xmm0, rax": ("xmm0 rax", "xmm0", "", NOTHING, NOTHING, NOTHING),
    "ucomisd xmm0, xmm1": ("xmm0 xmm1", "", "", NOTHING, ARITHMETIC, NOTHING),
    "vaddsd xmm0, xmm1, xmm2": ("xmm1 xmm2", "zmm0", "", NOTHING, NOTHING, NOTHING),
    "vaddps zmm0{k1}, zmm1, zmm2": ("k1 zmm1 zmm2", "zmm0", "zmm0", NOTHING, NOTHING, NOTHING),
    "vaddps zmm0{k1}{z}, zmm1, zmm2": ("k1 zmm1 zmm2", "zmm0", "", NOTHING, NOTHING, NOTHING),
    "nop word [rax+rax*1+512]": ("", "", "", NOTHING, NOTHING, NOTHING),
    "push rcx": ("rcx rsp", "rsp", "", NOTHING, NOTHING, NOTHING),
    "xchg rax, rcx": ("rax rcx", "rax rcx", "", NOTHING, NOTHING, NOTHING),
    "syscall": ("", "rcx r11", "", ARITHMETIC | Flags.DF, ARITHMETIC | Flags.DF, NOTHING),
}


def registers(names: str) -> frozenset[Register]:
    return frozenset(map(Register.named, names.split()))


@pytest.mark.parametrize("text", EFFECTS)
def test_registers_and_flags(text: str) -> None:
    reads, writes, partial, flags_read, flags_written, flags_undefined = EFFECTS[text]
    effects = parse_intel(text).effects
    assert effects.reads == registers(reads)
    assert effects.writes == registers(writes)
    assert effects.partial_writes == registers(partial)
    assert effects.flags_read == flags_read
    assert effects.flags_written == flags_written
    assert effects.flags_undefined == flags_undefined


def test_a_shift_that_may_be_by_zero_may_keep_the_flags() -> None:
    count = Symbol("count", 0, 63)
    for effects in (parse_intel("shl rax, cl").effects, SHL(rax, count).effects):
        assert effects.flags_read == ARITHMETIC


def test_memory_operands() -> None:
    there = Memory(r12, displacement=8, size=8)
    assert parse_intel("mov rax, qword [r12+8]").effects.memory_reads == (there,)
    assert parse_intel("mov qword [r12+8], rax").effects.memory_writes == (there,)
    update = parse_intel("add qword [r12+8], rax").effects
    assert (update.memory_reads, update.memory_writes) == ((there,), (there,))
    assert parse_intel("cmp qword [r12+8], rax").effects.memory_writes == ()
    assert parse_intel("lea rax, [r12+8]").effects.memory_reads == ()
    masked = parse_intel("vmovups zword [r12+64]{k1}, zmm0").effects
    assert masked.memory_writes == (Memory(r12, displacement=64, size=64),)


def test_implicit_memory() -> None:
    assert parse_intel("push rax").effects.memory_writes == (qword[rsp - 8],)
    assert parse_intel("pop rax").effects.memory_reads == (qword[rsp + 0],)
    assert parse_intel("stosb").effects.memory_writes == (byte[rdi + 0],)
    copy = parse_intel("movsd").effects
    assert (copy.memory_reads, copy.memory_writes) == ((dword[rsi + 0],), (dword[rdi + 0],))
    assert copy.writes == {rsi, rdi}
    assert copy.flags_read == Flags.DF


def test_repeated_string_instructions_touch_unknown_extents_and_may_do_nothing() -> None:
    effects = parse_intel("rep movsb").effects
    assert effects.memory_writes == (Memory(rdi),)
    assert effects.writes == {rsi, rdi, rcx}
    assert effects.partial_writes == {rsi, rdi}
    scan = parse_intel("repne scasb").effects
    assert scan.flags_read & ARITHMETIC == ARITHMETIC


def test_compare_and_exchange() -> None:
    effects = parse_intel("lock cmpxchg qword [rdi], rcx").effects
    assert effects.reads == {rdi, rcx, rax}
    assert rax in effects.writes
    assert effects.memory_writes == (qword[rdi + 0],)
    wide = parse_intel("cmpxchg16b oword [rdi]").effects
    assert registers("rax rdx") <= wide.writes
    assert registers("rax rbx rcx rdx rdi") <= wide.reads


CONTROL = {
    "mov rax, rcx": Control.NEXT,
    "jmp =>a": Control.JUMP,
    "jmp rax": Control.INDIRECT_JUMP,
    "jmp qword [rax]": Control.INDIRECT_JUMP,
    "jne =>a": Control.CONDITIONAL,
    "jrcxz =>a": Control.CONDITIONAL,
    "call extern f": Control.CALL,
    "call qword [rax+8]": Control.INDIRECT_CALL,
    "ret": Control.RETURN,
    "ud2": Control.TRAP,
    "syscall": Control.CALL,
}


@pytest.mark.parametrize("text", CONTROL)
def test_control(text: str) -> None:
    assert parse_intel(text).effects.control is CONTROL[text]


def test_conditional_jumps_read_their_flags() -> None:
    assert Instruction("JL", (Label("a"),)).effects.flags_read == Flags.SF | Flags.OF
    assert Instruction("JRCXZ", (Label("a"),)).effects.reads == {rcx}


def test_a_call_pushes_and_says_nothing_about_the_callee() -> None:
    effects = Instruction("CALL", (Address("f"),)).effects
    assert effects.reads == effects.writes == {rsp}
    assert effects.memory_writes == (qword[rsp - 8],)
    assert effects.flags_written == NOTHING


def test_effects_are_computed_once() -> None:
    instruction = Instruction("ADD", (eax, 5))
    assert instruction.effects is instruction.effects


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("add rax, rcx", ("X64",)),
        ("shlx rax, rcx, rdx", ("BMI2",)),
        ("vaddps xmm0, xmm1, xmm2", ("AVX",)),
        ("vaddps xmm0, xmm17, xmm2", ("AVX512F", "AVX512VL")),  # only EVEX has xmm17
        ("vaddps zmm0, zmm1, zmm2", ("AVX512F",)),
        ("tdpbusd tmm0, tmm1, tmm2", ("AMX_INT8",)),
    ],
)
def test_required_extensions(text: str, features: tuple[str, ...]) -> None:
    assert parse_intel(text).effects.features == features


def test_every_form_has_effects() -> None:
    for instruction in all_instructions():
        assert instruction.effects.features
