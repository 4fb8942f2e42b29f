"""Small improvements of machine code, each proved, run to a fixed point.

LLVM has optimised a stencil already. What it leaves comes from what it does not know about JIT-time constants: it
treats a symbol as an opaque number, so it will not put it into every place where a number could stand. Each rule is
one file with one rewrite; `docs/add-a-peephole-rule.md` says how to write another. Rules see typed instructions with
effects and liveness, never text.

    optimize(code) -> (code, {rule name: how often it fired})
"""

from stencilgen.peephole.driver import RULES, VALUE_RULES, optimize

__all__ = ["RULES", "VALUE_RULES", "optimize"]
