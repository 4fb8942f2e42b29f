"""Which encodings a JIT-time operand leaves open, and that each of them is right for every value it admits."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from x86_64 import (
    ADD,
    AND,
    CALL,
    CMP,
    IMUL,
    JMP,
    JNE,
    LEA,
    MOV,
    PUSH,
    SHL,
    SHR,
    TEST,
    VADDPD,
    Address,
    Encoding,
    Instruction,
    Label,
    Memory,
    OperandError,
    RangeError,
    Symbol,
    Symbolic,
    address,
    dword,
    qword,
    zword,
)
from x86_64.registers import al, ax, eax, ebx, r12, r13, r14, rax, rbp, rcx, rdi, rip, rsp, zmm0, zmm1

from .decoding import fill, holds


def shapes(instruction: Instruction) -> list[tuple[int, tuple[tuple[str, int], ...]]]:
    """Length of each encoding, kind and size of its fields."""
    return [(len(e.code), tuple((f.kind, f.size) for f in e.fields)) for e in instruction.encodings()]


SMALL = Symbol("E0", 16, 524296)
FROM_ZERO = Symbol("E1", 0, 65535)
WIDE = Symbol("W", -(1 << 63), (1 << 64) - 1)
UNSIGNED = Symbol("U", 0, (1 << 32) - 1)
D, IMM, R = "displacement", "immediate", "relative"

CHOICES = {
    "a displacement that cannot be zero has 8 or 32 bits": (
        MOV(rdi, qword[r12 + SMALL]),
        [(5, ((D, 1),)), (8, ((D, 4),))],
    ),
    "one that may be zero may be left out": (
        MOV(rdi, qword[r12 + FROM_ZERO]),
        [(4, ((D, 0),)), (5, ((D, 1),)), (8, ((D, 4),))],
    ),
    "but not with rbp or r13": (
        MOV(rdi, qword[r13 + FROM_ZERO]),
        [(4, ((D, 1),)), (7, ((D, 4),))],
    ),
    "a range within 8 bits needs no more": (MOV(rdi, [rbp + Symbol("E", -8, 64)]), [(4, ((D, 1),))]),
    "without base there are always 32 bits": (LEA(rax, [rcx * 8 + SMALL]), [(8, ((D, 4),))]),
    "reg*1 is a base": (LEA(rax, [rcx * 1 + SMALL]), [(4, ((D, 1),)), (7, ((D, 4),))]),
    "reg*2 is reg + reg": (LEA(rax, [rcx * 2 + SMALL]), [(5, ((D, 1),)), (8, ((D, 4),))]),
    "an absolute address has 32 bits": (MOV(rcx, qword[address(SMALL)]), [(8, ((D, 4),))]),
    "into the accumulator it may have 64": (
        MOV(rax, qword[address(WIDE)]),
        [(8, ((D, 4),)), (10, ((D, 8),))],
    ),
    "arithmetic sign-extends 8 bits, or has a short form for the accumulator": (
        ADD(eax, UNSIGNED),
        [(3, ((IMM, 1),)), (5, ((IMM, 4),))],
    ),
    "a store's immediate and displacement choose independently": (
        ADD(qword[rdi + SMALL], FROM_ZERO),
        [(5, ((D, 1), (IMM, 1))), (8, ((D, 4), (IMM, 1))), (8, ((D, 1), (IMM, 4))), (11, ((D, 4), (IMM, 4)))],
    ),
    "multiplication has imm8 and imm32": (
        IMUL(rax, rcx, FROM_ZERO),
        [(4, ((IMM, 1),)), (7, ((IMM, 4),))],
    ),
    "push has imm8 and imm32": (PUSH(FROM_ZERO), [(2, ((IMM, 1),)), (5, ((IMM, 4),))]),
    "a shift count has imm8": (SHL(rax, Symbol("c", 0, 63)), [(4, ((IMM, 1),))]),
    "mov to a 64-bit register zero-extends, sign-extends or has it all": (
        MOV(rdi, WIDE),
        [(5, ((IMM, 4),)), (7, ((IMM, 4),)), (10, ((IMM, 8),))],
    ),
    "mov of a small value is short": (MOV(rdi, FROM_ZERO), [(5, ((IMM, 4),))]),
    "a 16-bit immediate may be 8": (ADD(ax, FROM_ZERO), [(4, ((IMM, 1),)), (4, ((IMM, 2),))]),
    "an 8-bit operation has 8": (ADD(al, Symbol("b", 0, 255)), [(2, ((IMM, 1),))]),
    "EVEX scales 8-bit displacements": (
        VADDPD(zmm0, zmm1, zword[rax + FROM_ZERO]),
        [(6, ((D, 0),)), (7, ((D, 1),)), (10, ((D, 4),))],
    ),
    "a label is near or far": (JMP(Label("x")), [(2, ((R, 1),)), (5, ((R, 4),))]),
    "also for a conditional jump": (JNE(Label("x")), [(2, ((R, 1),)), (6, ((R, 4),))]),
    "an address is always far": (JMP(Address("f")), [(5, ((R, 4),))]),
    "a call is always far": (CALL(Address("f")), [(5, ((R, 4),))]),
    "data is rip-relative": (LEA(rax, [address(Address("T"))]), [(7, ((R, 4),))]),
    "an address in a register has 64 bits": (MOV(rax, Address("T", 4)), [(10, ((IMM, 8),))]),
    "numbers leave nothing open": (ADD(eax, 5), [(3, ())]),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choices(name: str) -> None:
    instruction, expected = CHOICES[name]
    assert shapes(instruction) == expected


def test_a_relative_field_says_how_many_bytes_follow() -> None:
    (short, long) = CMP(qword[address(Address("T"))], FROM_ZERO).encodings()
    assert [e.fields[0].trailing for e in (short, long)] == [1, 4]


def test_fields_hold_symbol_and_addend() -> None:
    (field,) = MOV(rdi, [r12 + SMALL + 80]).encodings()[0].fields
    assert field.operand == Symbolic(SMALL, 80)
    (field,) = LEA(rdi, [address(Address("T", 8)) + 4]).encodings()[0].fields
    assert field.operand == Address("T", 12)


def test_32_bit_values_are_taken_as_signed_at_their_width() -> None:
    short, _ = ADD(ebx, UNSIGNED).encodings()
    assert [holds(short, [v]) for v in (5, 127, 128, (1 << 32) - 5, (1 << 32) - 129)] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_a_value_wider_than_the_operand_is_noticed() -> None:
    short, full = ADD(ebx, WIDE).encodings()
    assert holds(full, [(1 << 32) - 1])
    assert holds(full, [-1])
    assert not holds(full, [1 << 32])
    assert not holds(full, [-(1 << 31) - 1])
    assert not holds(short, [(1 << 32) - 5])


@pytest.mark.parametrize(
    "instruction",
    [
        PUSH(Symbol("E", 1 << 31, 1 << 32)),
        LEA(rax, [rcx + Symbol("E", 1 << 31, 1 << 32)]),
        CMP(rax, Symbol("E", 1 << 40, 1 << 41)),
    ],
)
def test_a_range_that_no_field_can_hold_is_an_error(instruction: Instruction) -> None:
    with pytest.raises(
        RangeError, match=r"E with range .* does not fit: the widest .* field holds -2147483648..2147483647"
    ):
        instruction.encodings()


def test_a_value_must_be_known_to_encode() -> None:
    with pytest.raises(OperandError, match="E0 has no value yet: use encodings"):
        MOV(rdi, [r12 + SMALL]).encode()


# Templates of instructions in which one number may be a symbol: (make, bits of the number).
TEMPLATES = [
    (lambda v: MOV(rdi, Memory(r12, displacement=v, size=8)), 32),
    (lambda v: MOV(rdi, Memory(rbp, displacement=v, size=8)), 32),
    (lambda v: MOV(rdi, Memory(r14, rax, 4, v, 8)), 32),
    (lambda v: LEA(rdi, Memory(None, rax, 4, v)), 32),
    (lambda v: LEA(rdi, Memory(None, rax, 2, v)), 32),
    (lambda v: MOV(rdi, Memory(rip, displacement=v, size=8)), 32),
    (lambda v: MOV(rcx, Memory(displacement=v, size=8)), 32),
    (lambda v: VADDPD(zmm0, zmm1, Memory(rsp, displacement=v, size=64)), 32),
    (lambda v: VADDPD(zmm0, zmm1, Memory(rax, displacement=v, size=8, broadcast=8)), 32),
    (lambda v: ADD(eax, v), 32),
    (lambda v: ADD(rax, v), 32),
    (lambda v: ADD(ax, v), 16),
    (lambda v: ADD(al, v), 8),
    (lambda v: AND(dword[r12 + 8], v), 32),
    (lambda v: TEST(rcx, v), 32),
    (lambda v: MOV(qword[r12 + 8], v), 32),
    (lambda v: MOV(ebx, v), 32),
    (lambda v: IMUL(rax, rcx, v), 32),
    (lambda v: PUSH(v), 32),
    (lambda v: SHR(rcx, v), 8),
    (lambda v: MOV(r13, v), 64),
]
edges = st.sampled_from([e + d for k in (0, 7, 8, 15, 16, 31, 32, 63) for e in (1 << k, -(1 << k)) for d in (-1, 0, 1)])
edges = edges.filter(lambda v: v >= -(1 << 63))
numbers = edges | st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-300, 300)


@given(st.sampled_from(TEMPLATES), numbers, numbers, numbers, st.sampled_from([0, 0, 1, 80, -8]))
def test_every_admitted_encoding_is_the_instruction_with_that_number(
    template: tuple[object, int], low: int, high: int, value: int, addend: int
) -> None:
    make, bits = template
    low, value, high = sorted((low, value, high))
    assume(-(1 << bits - 1) <= value + addend < 1 << bits)
    if bits == 32:
        assume(-(1 << 31) <= value + addend < 1 << 31)
    symbolic = make(Symbolic(Symbol("E", low, high), addend))  # type: ignore[operator]
    concrete = make(value + addend)  # type: ignore[operator]
    admitted = [e for e in symbolic.encodings() if holds(e, [value + addend])]
    assert admitted, "an emitter would find no encoding for this value"
    expected = {bytes(code) for code in concrete.encode_options()} | {e.code for e in concrete.encodings()}
    for encoding in admitted:
        assert fill(encoding, [value + addend]) in expected
    if symbolic.mnemonic == "SHR" and value + addend == 1:
        return  # a count of one has an opcode of its own, which is not worth a choice for every shift
    assert len(admitted[0].code) == len(concrete.encodings()[0].code), "not the shortest"


def test_the_shortest_comes_first() -> None:
    for instruction, _ in CHOICES.values():
        lengths = [len(e.code) for e in instruction.encodings()]
        assert lengths == sorted(lengths)


def test_fields_lie_within_the_code_and_are_zero() -> None:
    for instruction, _ in CHOICES.values():
        encoding: Encoding
        for encoding in instruction.encodings():
            for field in encoding.fields:
                end = field.offset + field.size
                assert encoding.code[field.offset : end] == bytes(field.size)
                assert len(encoding.code) - end == field.trailing
