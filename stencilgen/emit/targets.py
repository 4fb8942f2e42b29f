"""Where micro-ops of a VM with facts jump to, in C: a loop over the trace notes it before anything is emitted.

The key idea: where a jump arrives, only what holds on every way there may be taken to be known. So the emit loop has to know
targets ahead, also those of jumps that it has not come to yet.
"""

from collections.abc import Callable, Mapping, Sequence

from stencilgen.emit.jumps import over_targets

__all__ = ["AGAIN", "ARRIVE", "begin", "note_targets"]

ARRIVE = "        sg_facts_arrive(as, i);\n"
"""In the emit loop, before each micro-op `i` or unit that begins there."""


AGAIN = """\
        if (SG_UNLIKELY(as->facts->again != 0)) {
            i = sg_facts_rewind(as);
            continue;
        }
"""
"""After it, before `i` moves on: less is known at the head of a loop than was thought."""


def note_targets(labels: Mapping[str, Sequence[str]], opcode: Callable[[str], str], instruction: str) -> str:
    """The function `sg_note_targets`. labels: by stencil, the C expressions of the positions that it may jump to; opcode: a
    stencil's C constant; instruction: the C type of one.
    """
    return f"""\
/* Note where the micro-op at position `from` may jump to. */
static inline void sg_note_targets(sg_assembler *as, uint32_t from, const {instruction} *instruction, uint32_t opcode)
{{
{over_targets(labels, opcode, "sg_facts_target", ["as", "from"])}}}
"""


def begin(instruction: str, read: str) -> str:
    """What the emit loop does first. instruction: the C type of one; read: the C expression of its opcode."""
    return f"""\
    if (!sg_facts_begin(as, length)) {{
        return;
    }}
    for (uint32_t i = 0; i < length; i++) {{
        const {instruction} *const instruction = &instructions[i];
        sg_note_targets(as, i, instruction, {read});
    }}
"""
