"""Registers, addresses and instructions as Python values, and the errors of impossible ones."""

from __future__ import annotations

import copy
import pickle

import pytest

import x86_64
from x86_64 import (
    LOCK,
    REP,
    Address,
    Instruction,
    Label,
    Memory,
    OperandError,
    RangeError,
    Register,
    Symbol,
    Symbolic,
    byte,
    canonical,
    dword,
    mnemonics,
    qword,
)
from x86_64.registers import (
    REGISTERS,
    ah,
    al,
    ax,
    bl,
    eax,
    k0,
    r8b,
    r8d,
    r12,
    rax,
    rcx,
    rsi,
    rsp,
    sil,
    spl,
    xmm0,
    xmm16,
    ymm0,
    zmm0,
)


def test_registers_know_their_whole_and_their_parts() -> None:
    assert al.whole is ah.whole is ax.whole is eax.whole is rax
    assert xmm0.whole is ymm0.whole is zmm0
    assert [rax.resize(n) for n in (1, 2, 4, 8)] == [al, ax, eax, rax]
    assert rsi.resize(1) is sil
    assert ah.resize(8) is rax
    assert zmm0.resize(16) is xmm0
    assert [r.size for r in (ah, ax, r8d, rax, xmm0, ymm0, zmm0)] == [1, 2, 4, 8, 16, 32, 64]
    with pytest.raises(OperandError, match="rax has no 16-byte part"):
        rax.resize(16)


def test_there_is_one_object_of_each_register() -> None:
    assert len({r.name for r in REGISTERS}) == len(REGISTERS)
    assert all(copy.deepcopy(r) is r and pickle.loads(pickle.dumps(r)) is r for r in REGISTERS)
    assert Register.named("r8d") is r8d


def test_register_arithmetic_makes_addresses() -> None:
    assert rsi + rcx * 8 + 8 == Memory(rsi, rcx, 8, 8)
    assert rsi - 8 == Memory(rsi, displacement=-8)
    assert rcx * 4 == Memory(None, rcx, 4)
    assert rax + rsp == Memory(rsp, rax)  # rsp can only be a base
    assert r12 + Symbol("E", 0, 9) + 80 == Memory(r12, displacement=Symbolic(Symbol("E", 0, 9), 80))
    assert qword[r12 + 8] == Memory(r12, displacement=8, size=8)
    assert byte[0x1000] == Memory(displacement=0x1000, size=1)
    assert qword[Address("T") + 8] == Memory(target=Address("T", 8), size=8)
    assert Memory(target=Label("L"), displacement=4) == Memory(target=Label("L", 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rax + rsp * 1, "rsp cannot be an index"),
        (lambda: rax + rcx * 3, "scale 3 of rcx"),
        (lambda: rax + rcx + rsi, "one base and one index"),
        (lambda: rax + r8d, "the same width"),
        (lambda: Memory(al), "al cannot be a base"),
        (lambda: r12 + Symbol("E", 0, 9) + Symbol("F", 0, 9), "one JIT-time displacement"),
        (lambda: Memory(rax, target=Address("T")), "no other base"),
        (lambda: Memory(target=Address("T"), displacement=Symbolic(Symbol("E", 0, 9))), "JIT-time displacement"),
        (lambda: Symbol("E", 5, 4), "not a range"),
        (lambda: qword["rax"], "not an address"),
        (lambda: zmm0(k0), "k0 cannot be a mask"),  # it means: no mask
    ],
)
def test_impossible_addresses(make: object, message: str) -> None:
    with pytest.raises(OperandError, match=message):
        make()  # type: ignore[operator]


def test_instructions_are_canonical_values() -> None:
    assert Instruction("JZ", (Label("a"),)) == Instruction("JE", (Label("a"),))
    assert Instruction("ADD", ([rax], rcx)) == Instruction("ADD", (qword[rax + 0], rcx))  # type: ignore[arg-type]
    assert Instruction("LEA", (rax, qword[rcx + 8])) == Instruction("LEA", (rax, rcx + 8))
    assert hash(Instruction("ADD", (eax, 5))) == hash(Instruction("ADD", (eax, 5)))
    assert Instruction("PUSH", (Symbol("E", 0, 9),)).operands == (Symbolic(Symbol("E", 0, 9)),)  # type: ignore[arg-type]
    assert str(Instruction("MOV", (eax, dword[r12 + 8]))) == "mov eax, dword [r12+8]"
    assert pickle.loads(pickle.dumps(Instruction("ADD", (eax, 5)))) == Instruction("ADD", (eax, 5))


@pytest.mark.parametrize(
    ("mnemonic", "operands", "message"),
    [
        ("FOO", (), "FOO: unknown instruction"),
        ("MOV", (rax, xmm0), r"MOV rax, xmm0: no such form; the nearest are: MOV r64/m64, r64"),
        (
            "MOV",
            (rsi + 8, 5),
            "size of the memory operand is ambiguous, 1 or 2 or 4 or 8 bytes: write for example dword",
        ),
        ("ADD", (True, 5), "True is not an operand"),
        ("ADD", (eax, 5.0), "5.0 is not an operand"),
        ("MOV", (eax, Address("T")), "the address of T does not fit 32 bits"),
    ],
)
def test_impossible_instructions(mnemonic: str, operands: tuple[object, ...], message: str) -> None:
    with pytest.raises(OperandError, match=message):
        Instruction(mnemonic, operands)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mnemonic", "operands", "error", "message"),
    [
        ("ADD", (ah, r8b), OperandError, "ah cannot be encoded beside r8"),
        ("MOV", (ah, spl), OperandError, "ah cannot be encoded beside"),
        ("MOVZX", (rax, ah), OperandError, "ah cannot be encoded beside"),
        ("ADDPS", (xmm16, xmm0), OperandError, "xmm16 can be used only by AVX-512 forms"),
        ("ADD", (al, 256), RangeError, "256 does not fit: the widest immediate field holds -128..255"),
        ("ADD", (rax, 1 << 31), RangeError, "2147483648 does not fit: the widest immediate field holds -2147483648..2147483647"),
        ("MOV", (rcx, Memory(rax, displacement=1 << 31)), RangeError, "widest displacement field holds"),
        ("JRCXZ", (128,), RangeError, "widest relative field holds -128..127"),
    ],
)  # fmt: skip
def test_impossible_encodings(
    mnemonic: str, operands: tuple[object, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Instruction(mnemonic, operands).encode()  # type: ignore[arg-type]


def test_high_byte_registers() -> None:
    assert Instruction("ADD", (ah, bl)).encode() == b"\x00\xdc"
    assert Instruction("MOV", (sil, al)).encode() == b"\x40\x88\xc6"


def test_prefixes() -> None:
    add = Instruction("ADD", (qword[rcx + 0], 1))
    assert LOCK(add).encode() == b"\xf0\x48\x83\x01\x01"
    assert REP(Instruction("MOVSQ")).encode() == b"\xf3\x48\xa5"
    with pytest.raises(OperandError, match="only read-modify-write"):
        LOCK(Instruction("ADD", (rax, 1)))
    with pytest.raises(OperandError, match="no meaning"):
        REP(add)
    with pytest.raises(OperandError, match="unknown prefix"):
        Instruction("ADD", (rax, 1), ("FAST",))


def test_an_exchange_of_eax_with_itself_is_not_nop() -> None:
    assert Instruction("XCHG", (eax, eax)).encode() == b"\x87\xc0"  # 90 would keep the upper half of rax
    assert Instruction("XCHG", (rax, rcx)).encode() == b"\x48\x91"


def test_every_mnemonic_is_a_name_of_the_package() -> None:
    assert len(mnemonics()) > 1600
    assert {"ADD", "VPSLLVD", "rax", "Instruction", "qword"} <= set(x86_64.__all__)
    assert x86_64.JNZ.name == "JNZ"
    assert canonical("JNZ") == "JNE"
    with pytest.raises(AttributeError, match="FROB"):
        _ = x86_64.FROB
