"""What a version of a stencil says about facts → calls of the runtime's macros, at the end of its emit function.

    Effect("forget", (sext32 d))                      ⇒    SG_FORGET(instruction->d)
    Effect("learn_constant", (sext32 d), operand)     ⇒    SG_LEARN_CONSTANT(instruction->d, instruction->operand)

The key idea: questions are about the table as the micro-op found it. So what depends on one is asked before the first
change, and the answer kept by the runtime meanwhile.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from llvm_passes.effects import Effect
from llvm_passes.expression import QUESTIONS, Const, JitExpr, Operation, walk
from stencilgen.emit.expressions import HoleSource, render, render_location
from stencilgen.errors import UserError

__all__ = ["MOST_ANSWERS", "effect_texts"]

MOST_ANSWERS = 8
"""SG_ANSWERS of runtime/include/stencilgen/facts.h"""

# by kind of effect: the runtime's macro, and for each operand whether it is a (l)ocation, a set of (f)acts or a (v)alue
_MACROS = {
    "learn": ("SG_LEARN", "lf"),
    "learn_constant": ("SG_LEARN_CONSTANT", "lv"),
    "unlearn": ("SG_UNLEARN", "lf"),
    "forget": ("SG_FORGET", "l"),
    "copy": ("SG_COPY", "ll"),
    "exchange": ("SG_EXCHANGE", "ll"),
    "unlearn_everywhere": ("SG_UNLEARN_EVERYWHERE", "f"),
    "forget_from": ("SG_FORGET_FROM", "l"),
    "forget_all": ("SG_FORGET_ALL", ""),
    "shift": ("SG_SHIFT", "l"),
}


def effect_texts(
    effects: Sequence[Effect], sources: Mapping[str, HoleSource], place: Callable[[str], str]
) -> tuple[str, ...]:
    """The calls, in C, without semicolons. UserError for more questions than the runtime keeps answers to."""
    asked: list[str] = []

    def operand(kind: str, expression: JitExpr) -> str:
        if kind == "f" and isinstance(expression, Const):
            return str(expression.value)
        text = (render_location if kind == "l" else render)(expression, sources, place)
        if not any(isinstance(node, Operation) and node.opcode in QUESTIONS for node in walk(expression)):
            return text
        if text not in asked:
            asked.append(text)
        return f"{'(int64_t)' if kind == 'l' else ''}SG_ANSWER({asked.index(text)})"

    def calls() -> Iterator[str]:
        for effect in effects:
            macro, kinds = _MACROS[effect.kind]
            yield f"{macro}({', '.join(map(operand, kinds, effect.operands))})"

    said = tuple(calls())
    if len(asked) > MOST_ANSWERS:
        raise UserError(
            f"what it says about facts depends on {len(asked)} questions",
            remedy=f"{MOST_ANSWERS} are possible: split the stencil, or learn less",
        )
    return (*(f"SG_ASK({number}, {text})" for number, text in enumerate(asked)), *said)
