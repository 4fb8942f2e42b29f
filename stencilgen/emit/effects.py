"""What a version of a stencil says about facts → calls of the runtime's macros, at the end of its emit function.

    Effect("forget", (sext32 d))                      ⇒    SG_FORGET(instruction->d)
    and then Effect("learn", ((sext32 d), 2))         ⇒    SG_KNOW(instruction->d, 2)
    Effect("learn_constant", (sext32 d), operand)     ⇒    SG_LEARN_CONSTANT(instruction->d, instruction->operand)

The key idea: questions are about the table as the micro-op found it. So what depends on one is asked before the first
change, and the answer kept by the runtime meanwhile.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    "learn_of_value": ("SG_LEARN_OF_VALUE", "lf"),
    "know": ("SG_KNOW", "lf"),
    "learn_constant": ("SG_LEARN_CONSTANT", "lv"),
    "unlearn": ("SG_UNLEARN", "lf"),
    "forget": ("SG_FORGET", "l"),
    "copy": ("SG_COPY", "ll"),
    "exchange": ("SG_EXCHANGE", "ll"),
    "unlearn_everywhere": ("SG_UNLEARN_EVERYWHERE", "f"),
    "forget_from": ("SG_FORGET_FROM", "l"),
    "forget_all": ("SG_FORGET_ALL", ""),
    "shift": ("SG_SHIFT", "l"),
    "shift_stack": ("SG_SHIFT_STACK", "l"),
}


_JOINABLE = {("forget", "learn"), ("know", "learn"), ("learn", "learn"), ("learn_of_value", "learn_of_value")}


def _joined(effects: Iterable[Effect]) -> list[Effect]:
    """The same in fewer steps: several facts of a location at once, and what is known of a new value in place of the old."""
    joined: list[Effect] = []
    for effect in effects:
        last = joined[-1] if joined else None
        if last and (last.kind, effect.kind) in _JOINABLE and last.operands[0] == effect.operands[0]:
            location, facts = effect.operands
            assert isinstance(facts, Const)
            if last.kind == "forget":
                joined[-1] = Effect("know", effect.operands)
                continue
            if isinstance(last.operands[1], Const):
                joined[-1] = Effect(last.kind, (location, Const(facts.bits, facts.value | last.operands[1].value)))
                continue
        joined.append(effect)
    return joined


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
        for effect in _joined(effects):
            macro, kinds = _MACROS[effect.kind]
            yield f"{macro}({', '.join(map(operand, kinds, effect.operands))})"

    said = tuple(calls())
    if len(asked) > MOST_ANSWERS:
        raise UserError(
            f"what it says about facts depends on {len(asked)} questions",
            remedy=f"{MOST_ANSWERS} are possible: split the stencil, or learn less",
        )
    return (*(f"SG_ASK({number}, {text})" for number, text in enumerate(asked)), *said)
