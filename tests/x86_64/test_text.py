"""Assembly text: what LLVM prints is read; what is written is read back as the same instruction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from x86_64 import (
    Address,
    Instruction,
    Label,
    Memory,
    ParseError,
    Symbol,
    Symbolic,
    format_att,
    format_intel,
    parse_att,
    parse_intel,
)
from x86_64.registers import REGISTERS, fs

from .cases import all_instructions


def resolve(name: str) -> Symbol | Address | Label:
    """E… is a value, .L… a label, anything else an address of the VM."""
    if name.startswith("=>"):
        return Label(name[2:])
    if name.startswith(("E", "tls")):
        return Symbol(name, 0, 100_000)
    return Label(name) if name.startswith(".L") else Address(name)


# As LLVM 22 prints: ours in Intel syntax.
LLVM = {
    "\tmovq\tE0+80(%r12,%rax,8), %rdi": "mov rdi, qword [r12+rax*8+E0+80]",
    "\tmovl\t$E1, E0(%r14,%rax,4)": "mov dword [r14+rax*4+E0], E1",
    "\taddq\t$E2, (%rdi)": "add qword [rdi], E2",
    "\tcmpq\t$E3-8, %rax": "cmp rax, E3-8",
    "\tleaq\tE+5(%rip), %rax": "lea rax, [E+5]",
    "\tmovq\tE(%rip), %rax": "mov rax, qword [E]",
    "\tleaq\tFloat_Type(%rip), %rax": "lea rax, [extern Float_Type]",
    "\tmovsd\t.LCPI0_0+8(%rip), %xmm0": "movsd xmm0, qword [=>.LCPI0_0+8]",
    "\tmovabsq\t$E4, %rcx": "mov rcx, E4",
    "\tmovabsq\t$-9223372036854775808, %rax": "mov rax, -9223372036854775808",
    "\tmovabsq\t$table, %rax": "mov rax, extern table",
    "\tmovabsq\t81985529216486895, %rax": "mov rax, qword [81985529216486895]",
    "\tcallq\tfloat_new@PLT": "call extern float_new",
    "\tcallq\t*8(%rax)": "call qword [rax+8]",
    "\tjmpq\t*%rax": "jmp rax",
    "\tjne\t.LBB0_2": "jne =>.LBB0_2",
    "\tjmp\t__sg_exit": "jmp extern __sg_exit",
    "\tmovq\t%fs:0, %rax": "mov rax, qword fs:[0]",
    "\tmovq\t%fs:tls@TPOFF, %rax": "mov rax, qword fs:[tls@TPOFF]",
    "\tmovq\ttls@TPOFF+8(%rax), %rax": "mov rax, qword [rax+tls@TPOFF+8]",
    "\tcltq": "cdqe",
    "\tcqto": "cqo",
    "\tcltd": "cdq",
    "\tcwtl": "cwde",
    "\tmovzbl\t(%rdi), %eax": "movzx eax, byte [rdi]",
    "\tmovzwl\t%ax, %eax": "movzx eax, ax",
    "\tmovsbq\t%al, %rax": "movsx rax, al",
    "\tmovslq\t4(%rdi,%rax,4), %rcx": "movsxd rcx, dword [rdi+rax*4+4]",
    "\tlock\t\taddq\t$1, (%rdi)": "lock add qword [rdi], 1",
    "\trep\t\tbsfq\t%rax, %rcx": "rep bsf rcx, rax",
    "\trep\t\tmovsb\t(%rsi), %es:(%rdi)": "rep movsb",
    "\trep;stosq\t%rax, %es:(%rdi)": "rep stosq",
    "\trep\t\tstosl\t%eax, %es:(%rdi)": "rep stosd",
    "\tmovsl\t(%rsi), %es:(%rdi)": "movsd",
    "\tshll\t%eax": "shl eax, 1",
    "\tshlq\t%cl, 8(%rax)": "shl qword [rax+8], cl",
    "\tcvtsi2sdl\t(%rax), %xmm0": "cvtsi2sd xmm0, dword [rax]",
    "\tcvtsi2sd\t%rax, %xmm0": "cvtsi2sd xmm0, rax",
    "\tvcvtsi2sdq\t(%rax), %xmm1, %xmm0": "vcvtsi2sd xmm0, xmm1, qword [rax]",
    "\tcvttsd2si\t%xmm0, %rax": "cvttsd2si rax, xmm0",
    "\tmovq\t%xmm0, %rax": "movq rax, xmm0",
    "\tmovd\t%eax, %xmm0": "movd xmm0, eax",
    "\tcmpltsd\t%xmm0, %xmm1": "cmpsd xmm1, xmm0, 1",
    "\tvcmpnge_uqpd\t%ymm0, %ymm1, %ymm2": "vcmppd ymm2, ymm1, ymm0, 25",
    "\tvpcmpltud\t%ymm0, %ymm1, %k2": "vpcmpud k2, ymm1, ymm0, 1",
    "\tvpcmpeqd\t%ymm0, %ymm1, %ymm2": "vpcmpeqd ymm2, ymm1, ymm0",
    "\tvcmpunordps\t{sae}, %zmm5, %zmm2, %k3 {%k7}": "vcmpps k3{k7}, zmm2, zmm5, {sae}, 3",
    "\tpclmullqhqdq\t%xmm0, %xmm1": "pclmulqdq xmm1, xmm0, 16",
    "\tpblendvb\t%xmm0, %xmm1, %xmm2": "pblendvb xmm2, xmm1, xmm0",
    "\tvaddps\t(%rax){1to16}, %zmm1, %zmm2 {%k1} {z}": "vaddps zmm2{k1}{z}, zmm1, dword [rax]{1to16}",
    "\tvaddps\t{rn-sae}, %zmm1, %zmm2, %zmm3": "vaddps zmm3, zmm2, zmm1, {rn-sae}",
    "\tvmovups\t%zmm0, 64(%rax) {%k1}": "vmovups zword [rax+64]{k1}, zmm0",
    "\tvcvtpd2psy\t(%rax), %xmm0": "vcvtpd2ps xmm0, yword [rax]",
    "\tvgatherdps\t%ymm0, (%rax,%ymm1,4), %ymm2": "vgatherdps ymm2, [rax+ymm1*4], ymm0",
    "\tbextrl\t%eax, (%rdi), %ecx": "bextr ecx, dword [rdi], eax",
    "\ttzcntq\t%rax, %rcx": "tzcnt rcx, rax",
    "\txchgw\t%ax, %ax": "xchg ax, ax",
    "\tnopw\t%cs:512(%rax,%rax)": "nop word cs:[rax+rax*1+512]",
    "\tfldt\t16(%rsp)": "fld tword [rsp+16]",
    "\tfildll\t(%rax)": "fild qword [rax]",
    "\tfsubrp\t%st, %st(1)": "fsubp st1, st0",
    "\tfucompi\t%st(1), %st": "fucomip st0, st1",
    "\tfnstcw\t-2(%rsp)": "fnstcw word [rsp-2]",
    "\tpushq\t$5": "push 5",
    "\tretq": "ret",
    "\tlarl\t(%rdi), %eax": "lar eax, word [rdi]",
    "\tcrc32b\t%al, %ecx": "crc32 ecx, al",
    "\tud2": "ud2",
    "\tmovb\t$2, %al               # two vector arguments": "mov al, 2",
    "\tmovl\t$1, %eax # imm = 0x1": "mov eax, 1",
}


@pytest.mark.parametrize("line", LLVM)
def test_what_llvm_prints_is_read(line: str) -> None:
    assert format_intel(parse_att(line, resolve)) == LLVM[line]


def test_every_form_survives_att_text() -> None:
    wrong = [i for i in all_instructions() if _branches(i) and parse_att(format_att(i), resolve) != i]
    assert not wrong, "\n".join(f"{i}: {format_att(i)}" for i in wrong[:40])


def test_every_form_survives_intel_text() -> None:
    wrong = [i for i in all_instructions() if parse_intel(format_intel(i), resolve) != i]
    assert not wrong, "\n".join(map(str, wrong[:40]))


def _branches(instruction: Instruction) -> bool:
    """AT&T syntax has no way to write a number as a branch's displacement; only labels and addresses."""
    return not any(k.startswith("rel") for k in instruction.forms[0].kinds)


registers = st.sampled_from([r for r in REGISTERS if r.kind == "r64"])
addends = st.integers(-(1 << 31), (1 << 31) - 1)
symbols = st.builds(Symbol, st.just("E7"), st.just(0), st.just(100_000))
values = addends | st.builds(Symbolic, symbols, addends)
memories = st.builds(
    Memory,
    base=st.none() | registers,
    index=st.none() | registers.filter(lambda r: r.name != "rsp"),
    scale=st.sampled_from([1, 2, 4, 8]),
    displacement=values,
    segment=st.sampled_from([None, fs]),
) | st.builds(
    Memory,
    target=st.builds(Address, st.sampled_from(["Float_Type", "&SG_RODATA(16)", "&(table[3])"]), addends)
    | st.builds(Label, st.sampled_from([".L3"]), addends),
)
places = st.builds(Address, st.just("vm_abort"), addends) | st.builds(Label, st.just(".LBB1_2"), addends)
instructions = st.one_of(
    st.builds(lambda r, m: Instruction("LEA", (r, m)), registers, memories),
    st.builds(lambda r, m: Instruction("MOV", (r, m)), registers, memories),
    st.builds(lambda m, r: Instruction("ADD", (m, r), ("LOCK",)), memories, registers),
    st.builds(lambda r, v: Instruction("MOV", (r, v)), registers, values),
    st.builds(lambda p: Instruction("JMP", (p,)), places),
    st.builds(lambda p: Instruction("CALL", (p,)), places),
)


@given(instructions)
def test_jit_time_operands_survive_intel_text(instruction: Instruction) -> None:
    assert parse_intel(format_intel(instruction), resolve) == instruction


@given(instructions.filter(lambda i: "&" not in str(i)))
def test_jit_time_operands_survive_att_text(instruction: Instruction) -> None:
    assert parse_att(format_att(instruction), resolve) == instruction


@pytest.mark.parametrize("text", ["=>L(3)", "=>NEXT", "=>EXIT", "=>(instruction->target)"])
def test_code_labels_go_through_the_resolver(text: str) -> None:
    seen = []

    def remember(name: str) -> Label:
        seen.append(name)
        return Label(name[2:])

    instruction = parse_intel(f"jne {text}", remember)
    assert seen == [text]
    assert format_intel(instruction) == f"jne {text}"


@pytest.mark.parametrize(
    ("line", "column", "token", "message"),
    [
        ("\tfrobnicate\t%rax", 2, "frobnicate", "frobnicate: unknown instruction"),
        ("\taddq\t%rax, %rux", 13, "%rux", "%rux: unknown register"),
        ("\taddq\t$5x, %rax", 7, "$5x", "expected a number, a name"),
        ("\taddq\t%rax, %xmm0", 2, "addq", "ADD xmm0, rax: no such form; the nearest are"),
        ("\taddq\t(%rax, %rcx", 7, "(%rax, %rcx", "not an operand"),
        ("\tmovl\ttable(,%rax,4), %eax", 7, "table(,%rax,4)", "compile as position-independent code"),
        ("\taddl\t(%rdi), %rax", 2, "addl", "the suffix does not agree"),
        ("\tmovl\t%rcx, %rax", 2, "movl", "the suffix does not agree"),
        ("\tmovq\t(rdi), %rax", 7, "(rdi)", "expected (base,index,scale)"),
        ("\tmovq\t(%rdi,%rcx,3), %rax", 7, "(%rdi,%rcx,3)", "expected (base,index,scale)"),
        ("\tmovq\t$010, %rax", 7, "$010", "expected a number, a name"),
        ("\tmovq\t$1 {%k1}, %rax", 7, "$1 {%k1}", "only registers and memory can be masked"),
        ("\tlock\t", 7, "", "expected a mnemonic"),
    ],
)  # fmt: skip
def test_att_errors_say_where(line: str, column: int, token: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_att(line, resolve)
    assert (caught.value.column, caught.value.token) == (column, token), caught.value
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "column", "token", "message"),
    [
        ("frobnicate rax", 1, "frobnicate", "FROBNICATE: unknown instruction"),
        ("add rax, [rcx*3]", 11, "rcx*3", "scale 3 of rcx"),
        ("add rax, [rcx-rdx]", 14, "-rdx", "only numbers can be subtracted"),
        ("add rax,", 9, "", "an operand is missing"),
        ("add dword [rax], rcx", 1, "add", "no such form"),
        ("add [rax], 5", 1, "add", "ambiguous"),
        ("add rax, rcx + 5", 10, "rcx + 5", "memory is written"),
        ("add rax, rcx*5", 10, "rcx*5", "scale 5 of rcx"),
        ("vaddps zmm0{k9}, zmm1, zmm2", 12, "{k9}", "unknown decoration"),
        ("vaddps zmm0{k0}, zmm1, zmm2", 8, "zmm0{k0}", "k0 cannot be a mask"),
    ],
)
def test_intel_errors_say_where(line: str, column: int, token: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_intel(line, resolve)
    assert message in str(caught.value)
    assert (caught.value.column, caught.value.token) == (column, token), caught.value
