"""What the oracles are known not to know, to write differently, or to get wrong; each with a line that shows it.

A comparison passes over a line only if a pattern here matches the whole of it. `test_oracles` assembles every example and
fails when the oracle no longer behaves so: then the entry goes. Versions: binutils 2.40, LLVM 22, iced-x86 1.21.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from x86_64 import Instruction

VERSIONS = {"gnu": "2.40", "llvm": "22"}


@dataclass(frozen=True, slots=True)
class Known:
    """pattern: AT&T lines, whole. example: a line it matches, which the oracle treats so."""

    pattern: str
    reason: str
    example: str


REFUSED = {
    "gnu": (
        Known(r"(tcmm|vpdpw[su]{2}d|vsha512|vsm[34]).*", "newer than binutils 2.40", "vsm3msg1 %xmm1, %xmm2, %xmm3"),
        Known(r"(movsww|movzww|getsecq) .*|getsecq", "has no name for this operand size", "movsww %ax, %cx"),
        Known(r"l(call|jmp)q .*", "knows far pointers to 64-bit offsets only as rex64 ljmp", "ljmpq *(%rax)"),
        Known(r"l[fgs]s \S+, %r(\w[xip]|\d+)", "knows far pointers to 64-bit offsets only by their Intel syntax",
              "lfs (%rax), %rcx"),
    ),
    "llvm": (
        Known(r"(enterw|leavew) ?.*", "has no name for the 16-bit frame", "leavew"),
        Known(r"f(n?(disi|eni|setpm))", "drops what the 8087 and 80287 needed", "fnsetpm"),
        Known(r"(getsecq|int1|mcommit|vmgexit)", "has no name for it", "int1"),
        Known(r"(movsww|movzww) .*", "has no name for this operand size", "movsww %ax, %cx"),
        Known(r"v?pcmpestr[im]q .*", "has no name for the 64-bit lengths", "pcmpestriq $1, %xmm1, %xmm2"),
        Known(r"ud0 .*", "has no name for it", "ud0 %eax, %ecx"),
    ),
}  # fmt: skip
DIFFERENT = {
    "gnu": (
        Known(r"int \$3", "writes the one-byte int3, which VM86 and debuggers treat differently", "int $3"),
        Known(r"s(ldt|tr) %r.*", "drops REX.W: the selector is zero-extended anyway", "sldt %rax"),
        Known(r"vmovq .*xmm(1[6-9]|[23]\d).*", "prefers the other of two equally long opcodes", "vmovq %xmm17, 8(%rax)"),
        Known(r"xchg %rax, %rax", "writes nop, a byte shorter: the same effect", "xchg %rax, %rax"),
    ),
    "llvm": (
        Known(r"int \$3", "writes the one-byte int3, which VM86 and debuggers treat differently", "int $3"),
        Known(r"mov (%\ws, %r(\w[xip]|\d+)|%r(\w[xip]|\d+), %\ws)", "keeps REX.W: the selector is zero-extended anyway",
              "mov %fs, %rcx"),
        Known(r"xchg %\w+, %\w+", "exchanges the operands", "xchg %rcx, %rdx"),
        Known(r"\{evex\} set\w+ .*\(.*", "counts an 8-bit displacement in units of 16: map 4 has none",
              "{evex} seta -128(%rbp,%rcx,2)"),
        Known(r"v[a-z0-9]+ .*%[xy]mm(8|9|1[0-5]), %[xy]mm[0-7], %[xy]mm\d+", "exchanges sources to save a byte of prefix",
              "vaddps %xmm9, %xmm1, %xmm2"),
    ),
}  # fmt: skip

# Effects that iced-x86 does not report: the code's name, and the register or "memory" that the processor uses.
# test_effects_native found them; tools/make_instruction_table.py adds them.
ICED_UNREPORTED = {
    "CLZEROQ": "memory",
    "FXSAVE_M512BYTE": "xmm0",
    "FXRSTOR_M512BYTE": "xmm0",
    "XSAVE_MEM": "zmm0",
    "XSAVEC_MEM": "zmm0",
    "XSAVEOPT_MEM": "zmm0",
    "XRSTOR_MEM": "zmm0",
    "FNSTENV_M28BYTE": "st0",
}


# Extensions that only LLVM knows; each with a line that GNU as refuses. iced-x86 1.21 and objdump 2.40 know none of them.
NEWER = {
    "APX_F": "addq %r16, %r17",
    "AVX10_2": "vaddbf16 %xmm1, %xmm2, %xmm3",
    "MOVRS": "movrsb (%rax), %al",
    "AMX_TF32": "tmmultf32ps %tmm1, %tmm2, %tmm3",
    "AMX_FP8": "tdpbf8ps %tmm1, %tmm2, %tmm3",
    "AMX_MOVRS": "tileloaddrs (%rax,%rbx), %tmm1",
    "AMX_AVX512": "tilemovrow $3, %tmm1, %zmm1",
}


def knows(which: str, instruction: Instruction) -> bool:
    """Whether the oracle ("gnu", "llvm", or a decoder) knows the instruction's extensions at all."""
    return which == "llvm" or NEWER.keys().isdisjoint(instruction.effects.features)


def listed(known: tuple[Known, ...], line: str) -> bool:
    return any(re.fullmatch(k.pattern, line) for k in known)


# What objdump does not know, or writes so that it cannot be read back: whole texts.
OBJDUMP = (
    Known(r"rex\.W[RXB]+ l(call|jmp) .*", "has no name for a far pointer to a 64-bit offset", "rex.WB ljmp *0x7f(%r14,%rax,8)"),
    Known(r"\(bad\)", "newer than binutils 2.40", "(bad)"),
    Known(r"f(sub|div)r? +%st,%st\(0\)", "exchanges the names even where both operands are st(0)", "fdivr  %st,%st(0)"),
    Known(r"fn\w+\(\d+ only\)", "adds a remark", "fneni(8087 only)"),
    Known(r"getsec", "drops REX.W", "getsec"),
    Known(r"(in|out) .*\(%dx\).*", "puts the port in parentheses", "in     (%dx),%al"),
    Known(r"(monitor|mwait)x? .*", "writes the implied registers", "mwait  %eax,%ecx"),
    Known(r"data16 (mov|sldt|str|smsw) .*|rex\.\w+ (sldt|str|smsw) .*", "spells out a prefix that changes nothing",
          "data16 mov %gs,0x0(%r13)"),
    Known(r"v?pclmul[hl]q[hl]qdq .*", "names the halves, and drops the other bits of the immediate", "pclmulhqhqdq %xmm4,%xmm1"),
    Known(r"(pop|push) +[^$%].*", "leaves out the suffix, which is needed for memory", "pop    0x0(%r13)"),
    Known(r"nopl +.*", "prefetchit0 and prefetchit1 of other than rip-relative memory do nothing", "nopl   (%rbx)"),
)  # fmt: skip
