"""An instruction whose results nobody reads goes.

    lea rax, [rsi + 8]       (rax dead)      →      (nothing)
    cmp rax, rdx             (flags dead)    →      (nothing)

Why it is safe: the instruction does nothing but compute: it is in the list below, it accesses no memory, and
everything it changes, flags too, is dead. Instructions that touch memory stay. A dead store does not exist for us, as
others may look; and LLVM leaves a load whose result is unused only if somebody wants the load itself (a volatile
read, a safepoint poll).
"""

from stencilgen.layout.liveness import CONDITIONS
from stencilgen.peephole.rule import Edit, Rule, Site

__all__ = ["PURE", "RULE"]

ARITHMETIC = """
    ADC ADD AND BSWAP BT BTC BTR BTS CDQ CDQE CMP CQO CWDE DEC IMUL INC LEA MOV MOVSX MOVSXD MOVZX NEG NOT OR RCL RCR
    ROL ROR SAR SBB SHL SHLD SHR SHRD SUB TEST XCHG XOR
    """
VECTOR_MOVES = "MOVAPD MOVAPS MOVD MOVDQA MOVDQU MOVQ MOVUPD MOVUPS PXOR XORPD XORPS"
PURE = frozenset((ARITHMETIC + VECTOR_MOVES).split()) | {
    prefix + condition for prefix in ("SET", "CMOV") for condition in CONDITIONS
}
"""Computes its results from its operands and flags and does nothing else (no trap, no exception flag, no ordering)."""


def rewrite(site: Site, position: int) -> Edit | None:
    usage = site.usages[position]
    if usage.loads or usage.stores or not site.dead_after(position, usage.changes):
        return None
    return {position: ()}


RULE = Rule("dead_code", PURE, rewrite)
