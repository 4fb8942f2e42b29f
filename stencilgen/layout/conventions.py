"""Calling conventions → the registers that a call reads and destroys.

What a call does to registers is not in its text (`callq f` says nothing), but in the callee's declaration in the IR. The
table below has one row a convention of LLVM's. Liveness is safe where too much counts as read and too little as
destroyed; so where the arguments are not known, all argument registers count as read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stencilgen.layout.code import Convention
from x86_64 import Register, r8, r9, r10, r11, r12, r13, r14, r15, rax, rbp, rbx, rcx, rdi, rdx, rsi, rsp

__all__ = ["INDIRECT", "LIBCALL", "STATE_INTEGERS", "STATE_VECTORS", "convention", "state_registers"]

_GENERAL = frozenset({rax, rbx, rcx, rdx, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15})
_VECTORS = tuple(Register.named(f"xmm{number}") for number in range(16))

STATE_INTEGERS = (r12, r13, r14, r15, rdi, rsi, rdx, rcx, r8, r9, r11, rax)
"""preserve_none's argument registers, in order: where integer and pointer state lives between stencils."""
STATE_VECTORS = _VECTORS[:8]
"""Where float and double state lives."""


@dataclass(frozen=True, slots=True)
class Row:
    """integers: registers of integer and pointer arguments, in order; saved: general registers that a callee preserves."""

    integers: tuple[Register, ...]
    saved: frozenset[Register]
    saves_vectors: bool = False


_C_ARGUMENTS = (rdi, rsi, rdx, rcx, r8, r9)

# System V ABI, section 3.2; the others from LLVM's language reference and X86CallingConv.td.
TABLE: Mapping[str, Row] = {
    "ccc": Row(_C_ARGUMENTS, frozenset({rbx, rbp, rsp, r12, r13, r14, r15})),
    "preserve_mostcc": Row(_C_ARGUMENTS, (_GENERAL | {rbp, rsp}) - {r11}),
    "preserve_allcc": Row(_C_ARGUMENTS, (_GENERAL | {rbp, rsp}) - {r11}, saves_vectors=True),
    "preserve_nonecc": Row(STATE_INTEGERS, frozenset({rbp, rsp})),
}


def convention(
    name: str, *, integers: int | None, vectors: int | None, variadic: bool, returns: bool
) -> Convention | None:
    """The registers of a call of a function with so many integer (or pointer) and float arguments (None: not known).

    None for a calling convention that is not in the table.
    """
    row = TABLE.get(name)
    if row is None:
        return None
    reads = {rsp, *row.integers[: None if variadic else integers], *STATE_VECTORS[: None if variadic else vectors]}
    if variadic:
        reads.add(rax)  # al: how many vector registers carry arguments
    clobbers = _GENERAL - row.saved
    if not row.saves_vectors:
        clobbers |= frozenset(_VECTORS)
    return Convention(frozenset(reads), clobbers, returns)


def _libcall() -> Convention:
    found = convention("ccc", integers=None, vectors=None, variadic=False, returns=True)
    assert found is not None
    return found


LIBCALL = _libcall()
"""Functions that LLVM calls of its own accord (memcpy, floor, __udivti3)."""

INDIRECT = Convention(reads=_GENERAL | {rsp, rbp} | frozenset(STATE_VECTORS), clobbers=frozenset({r11}), returns=True)
"""A call through a register or memory, whose convention the assembly does not tell: reads all, destroys what all destroy."""


def state_registers(kinds: str) -> frozenset[Register]:
    """Where the state lives; one letter a parameter: 'i' integer or pointer, 'f' float, 'd' double. rsp and rbp always live."""
    integers = kinds.count("i")
    return frozenset((*STATE_INTEGERS[:integers], *STATE_VECTORS[: len(kinds) - integers], rsp, rbp))
