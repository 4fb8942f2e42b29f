"""Instruction lines as PeachPy scripts have them, with only the import changed; and what PeachPy gets wrong.

The wanted text is what an assembler would be given for the same instruction; the assemblers' own bytes are compared in
test_assemblers.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import x86_64
from x86_64 import AssemblyError, Instruction, Label, OperandError, format_intel, parse_intel
from x86_64.registers import xmm0, xmm1

SCOPE = {name: getattr(x86_64, name) for name in x86_64.__all__} | {"loop": Label("loop")}

LINES = {
    "MOVAPS(xmm2, [rsi])": "movaps xmm2, oword [rsi]",
    "DPPS(xmm0, xmm2, 0xF1)": "dpps xmm0, xmm2, 241",
    "ADD(reg_x, 64)": "add rdi, 64",
    "MOV([rsp - 8], rax)": "mov qword [rsp-8], rax",
    "MOV(eax, dword[rdi + rcx * 4 + 16])": "mov eax, dword [rdi+rcx*4+16]",
    "MOVZX(eax, byte[rsi])": "movzx eax, byte [rsi]",
    "LEA(rax, [rdi + rsi * 8])": "lea rax, [rdi+rsi*8]",
    "SUB(rsi, 16)": "sub rsi, 16",
    "JNZ(loop)": "jne =>loop",
    "CMP(byte[rdi], 0)": "cmp byte [rdi], 0",
    "SHLX(rax, [rdi], rcx)": "shlx rax, qword [rdi], rcx",
    "VZEROUPPER()": "vzeroupper",
    "VFMADD231PS(ymm0, ymm1, [rsi + 32])": "vfmadd231ps ymm0, ymm1, yword [rsi+32]",
    "VMOVUPS(hword[rdi], ymm3)": "vmovups yword [rdi], ymm3",
    "VADDPS(zmm0(k1), zmm1, zmm2)": "vaddps zmm0{k1}, zmm1, zmm2",
    "VADDPS(zmm0(k1.z), zmm1, zmm2)": "vaddps zmm0{k1}{z}, zmm1, zmm2",
    "VADDPS(zmm0, zmm1, zmm2, {rn_sae})": "vaddps zmm0, zmm1, zmm2, {rn-sae}",
    "VCMPPS(k2(k1), zmm1, zmm2, {sae}, 3)": "vcmpps k2{k1}, zmm1, zmm2, {sae}, 3",
    "VADDPS(zmm0(k3.z), zmm1, dword.to16[rax + 64])": "vaddps zmm0{k3}{z}, zmm1, dword [rax+64]{1to16}",
    "VMULPD(ymm0, ymm1, qword.to4[rax])": "vmulpd ymm0, ymm1, qword [rax]{1to4}",
    "VMOVDQU32([rdi], zmm5)": "vmovdqu32 zword [rdi], zmm5",
    "VMOVDQU32(zword[rdi](k1), zmm5)": "vmovdqu32 zword [rdi]{k1}, zmm5",
    "VPGATHERDD(zmm0(k1), [rsi + zmm2 * 4])": "vpgatherdd zmm0{k1}, [rsi+zmm2*4]",
    "KMOVW(k1, eax)": "kmovw k1, eax",
    "RET()": "ret",
}


@pytest.mark.parametrize("line", LINES)
def test_lines_run_unchanged(line: str) -> None:
    instruction = eval(line, SCOPE | {"reg_x": x86_64.rdi})
    assert isinstance(instruction, Instruction)
    assert format_intel(instruction) == LINES[line]
    assert parse_intel(LINES[line]) == instruction


def test_results_are_bytearrays() -> None:
    instruction = eval("ADD(eax, 5)", SCOPE)
    assert type(instruction.encode()) is bytearray
    assert [type(code) for code in instruction.encode_options()] == [bytearray] * 3
    assert {n: type(code) for n, code in instruction.encode_length_options().items()} == {
        3: bytearray,
        5: bytearray,
        6: bytearray,
    }


REFUSED = {
    "ADD(eax, rbx)": "ADD eax, rbx: no such form; the nearest are: .*ADD r32/m32, r32; ADD r64/m64, r64",
    "SHL(rax, rbx)": "the nearest are: SHL r64/m64, i8; SHL r64/m64, 1; SHL r64/m64, cl",
    "LEA(rax, rbx)": "the nearest are: LEA r64, m",
    "MOV([rax], 5)": "the size of the memory operand is ambiguous, 1 or 2 or 4 or 8 bytes: write for example dword",
    "ADD(al, 256).encode()": r"256 does not fit: the widest immediate field holds -128\.\.255",
    "MOV(ah, r8b).encode()": "ah cannot be encoded beside r8",
    "MOV(rax, [rbx + rsp * 2])": "rsp cannot be an index register: make it the base, or use another register",
    "VADDPS(zmm0(k0), zmm1, zmm2)": "k0 cannot be a mask: use k1 … k7",
    "VADDPS(zmm0, zmm1, [rax], {rn_sae})": "{er} and {sae} are for registers only",
    "VADDPS(xmm0, xmm1, xmm2, {rn_sae})": "512-bit vectors or scalars",
    "VPGATHERDD(zmm0, [rsi + zmm2 * 4])": r"the first operand needs a mask, as in zmm0\(k1\)",
    "VPGATHERDD(zmm0(k1), [rsi + zmm0 * 4]).encode()": "all registers must be different",
    "VMOVAPS(zword[rax](k1.z), zmm1)": "cannot be cleared here, only kept: leave out .z",
    "MOVAPS(xmm0(k1), xmm1)": "no operand can be masked",
    "VMOVAPS(zmm0, dword.to16[rax])": "the memory operand cannot be broadcast so",
    "MOVAPS(xmm16, xmm1).encode()": "xmm16 can be used only by AVX-512 forms",
    "ADD(rax, 3.5)": "3.5 is not an operand",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_is_refused_with_the_reason(line: str) -> None:
    with pytest.raises(AssemblyError, match=REFUSED[line]):
        eval(line, SCOPE)


# --- what PeachPy gets wrong


def test_a_broadcast_displacement_counts_elements() -> None:
    code = eval("VADDPS(zmm0, zmm1, dword.to16[rax + 64])", SCOPE).encode()
    assert code == bytes.fromhex("62f1745858 40 10")  # 16 elements of 4 bytes; 01 would be [rax+4]


def test_both_operands_of_psign_are_read() -> None:
    assert eval("PSIGNB(xmm0, xmm1)", SCOPE).effects.reads == {xmm0, xmm1}


def test_ah_beside_a_register_that_needs_rex_is_refused() -> None:
    with pytest.raises(OperandError, match="ah cannot be encoded beside r8"):
        eval("MOV(ah, r8b)", SCOPE).encode()


def test_jecxz_is_not_jrcxz() -> None:
    assert eval("JECXZ(0)", SCOPE).encode() == b"\x67\xe3\x00"
    assert eval("JRCXZ(0)", SCOPE).encode() == b"\xe3\x00"


@pytest.mark.parametrize(
    "line",
    ["VPDPBUSD(zmm0, zmm1, zmm2)", "TDPBUSD(tmm0, tmm1, tmm2)", "VADDPH(zmm0, zmm1, zmm2)", "VP2INTERSECTD(k2, zmm1, zmm2)",
     "ENDBR64()", "CMPLXADD(dword[rax], ecx, edx)", "VSM3MSG1(xmm0, xmm1, xmm2)"],
)  # fmt: skip
def test_instructions_newer_than_2017(line: str) -> None:
    assert eval(line, SCOPE).encode()


def test_importing_reads_no_table() -> None:
    program = "import x86_64; from x86_64 import table; assert not table._rows.cache_info().currsize"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
