"""A 64-bit register moved to itself is nothing.

    mov rax, rax      →      (nothing)

Why it is safe: it changes no part of the register and no flag. `mov eax, eax` is not nothing: it clears bits 63..32.
(`mov al, al` and `mov ax, ax` are nothing too; no compiler writes them.)
"""

from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Register

__all__ = ["RULE"]


def rewrite(site: Site, position: int) -> Edit | None:
    match site.instructions[position].operands:
        case (Register(kind="r64") as target, Register() as source) if target is source:
            return {position: ()}
    return None


RULE = Rule("self_move", frozenset({"MOV"}), rewrite)
