"""A spilled value is reloaded from the register that still holds it.

    mov [rsp + 8], rcx                    mov [rsp + 8], rcx
    ...                                   ...
    mov rax, [rsp + 8]         →          mov rax, rcx

Also for `movzx`, `movsx` and `movsxd` of the slot.

Why it is safe: the slot is the stencil's own (its address is rsp plus a constant), so nobody else writes it and
nobody sees that it is not read; other memory may be volatile or shared, and LLVM has forwarded there what may be
forwarded. Between the two no instruction writes memory at all, calls, or changes rsp or the register. Load and store
have the same address and size. A 32-bit `mov` between registers clears the upper half as the load does.
"""

from dataclasses import replace

from stencilgen.layout.liveness import parts
from stencilgen.peephole.rule import REACH, Edit, Rule, Site
from x86_64 import Instruction, Memory, Register, rsp

__all__ = ["RULE"]

LOADS = frozenset(["MOV", "MOVSX", "MOVSXD", "MOVZX"])


def rewrite(site: Site, position: int) -> Edit | None:
    match site.instructions[position].operands:
        case (Memory(base=base, index=None, segment=None) as slot, Register() as stored):
            if base is not rsp or stored.kind not in ("r8", "r16", "r32", "r64"):
                return None
        case _:
            return None
    kept = parts(stored) | parts(rsp)
    for at in range(position + 1, min(position + 1 + REACH, len(site.instructions))):
        usage = site.usages[at]
        if usage.loads and (load := from_register(site.instructions[at], slot, stored)) is not None:
            return {at: (load,)}
        if usage.stores or usage.changes & kept or not usage.straight:
            return None
    return None


def from_register(load: Instruction, slot: Memory, stored: Register) -> Instruction | None:
    """The load of `slot` as a move from the register `stored`."""
    if load.mnemonic not in LOADS:
        return None
    match load.operands:
        case (Register() as target, Memory() as memory) if target.kind != "r8h":  # not encodable beside every register
            return replace(load, operands=(target, stored)) if memory == slot else None
    return None


RULE = Rule("forward_store", frozenset({"MOV"}), rewrite)
