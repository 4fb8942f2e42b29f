"""The C file through which Python fills a VM's instructions.

The key idea: stencilgen.toml says how an emit function *reads* an operand, as a C expression such as
`instruction->oparg`. Nearly always this is also a place that can be *written*, so `expression = value` fills it,
whatever type the field has: the compiler knows, and converts. `#line` makes the compiler's complaint about an
expression that cannot be written name the user's line.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from stencilgen.config import Config
from stencilgen.emit.header import StateParameter, opcode_name
from stencilgen.errors import UserError

__all__ = ["embedding_source", "explain_rejection"]

_PRELUDE = """\
/* Fills the VM's instructions for Python; made by stencilgen for one shared library. */
#include "jit_stencils.h"

typedef struct sg_number {
    uint64_t bits; /* an integer or an address */
    double real;
    int is_real;   /* it is a float of Python's: `bits` has no meaning */
} sg_number;

static bool same_integer(unsigned long long stored, const sg_number *number)
{
    return !number->is_real && stored == number->bits;
}

static bool same_float(float stored, const sg_number *number)
{
    return stored == (float)number->real || number->real != number->real;
}

static bool same_double(double stored, const sg_number *number)
{
    return stored == number->real || number->real != number->real;
}

static bool same_pointer(const volatile void *stored, const sg_number *number)
{
    return !number->is_real && (uintptr_t)stored == number->bits;
}

/* Beside 0ULL every integer type, bit-fields too, becomes unsigned long long; other types stay what they are. */
#define SG_SELECT(place, integer, single, full, pointer) \\
    _Generic(1 ? (place) : 0ULL, unsigned long long: (integer), float: (single), double: (full), default: (pointer))

/* Store the number; false when the place then holds another one. */
sg_jit *sg_embed_new(sg_error *error)
{
    return sg_jit_new(NULL, error);
}

/* Bytes of a state variable; negative if it is a signed integer. */
#define SG_WIDTH(name) (int8_t)((SG_SIGNED(((sg_state *)0)->name) ? -1 : 1) * (int)sizeof(((sg_state *)0)->name))

const size_t sg_embed_instruction_size = sizeof(INSTRUCTION);
"""


def embedding_source(
    config: Config, stencils: Sequence[str], state: Sequence[StateParameter], lines: Mapping[str, int]
) -> str:
    """The whole C file. `lines`: where in stencilgen.toml each hole, and `""`, the opcode, is described."""
    instruction = config.instruction.type
    opcodes = ", ".join(opcode_name(config, name) for name in stencils)
    parts = [
        _PRELUDE.replace("INSTRUCTION", instruction),
        f"const uint32_t sg_embed_opcodes[] = {{{opcodes}}};\n",
        f"const int8_t sg_embed_state[] = {{{''.join(f'SG_WIDTH({p.name}), ' for p in state) or '0'}}};\n",
        _setter("sg_embed_set_opcode", config, config.instruction.opcode, lines.get("", 0)),
        *(
            _setter(f"sg_embed_set_hole_{name}", config, hole.value, lines.get(name, 0))
            for name, hole in config.holes.items()
        ),
    ]
    return "\n".join(parts)


def _setter(name: str, config: Config, place: str, line: int) -> str:
    """A function that stores the number; false when the place then holds another one."""
    values = f"SG_SELECT(({place}), number->bits, number->real, number->real, (void *)(uintptr_t)number->bits)"
    comparison = f"SG_SELECT(({place}), same_integer, same_float, same_double, same_pointer)"
    return (
        f"bool {name}({config.instruction.type} *instruction, const sg_number *number)\n{{\n"
        f'#line {max(line, 1)} "{config.path}"\n    ({place}) = {values}; return {comparison}(({place}), number);\n}}\n'
    )


_NOT_A_PLACE = re.compile(
    r"lvalue required|not assignable|illegal|read-only|const-qualified|assignment to|non-lvalue", re.IGNORECASE
)


def explain_rejection(error: UserError, config: Config, lines: Mapping[str, int]) -> UserError:
    """In the words of stencilgen.toml, if the compiler stumbled over an expression that cannot be assigned to."""
    for place in re.finditer(rf"^{re.escape(str(config.path))}:(\d+)(?::\d+)?: error: (.*)$", str(error), re.MULTILINE):
        if _NOT_A_PLACE.search(place[2]):
            line = int(place[1])
            name = next((name for name, at in lines.items() if at == line), "")
            value = config.holes[name].value if name else config.instruction.opcode
            what = f"hole '{name}'" if name else "instruction.opcode"
            return UserError(
                f"{what}: '{value}' cannot be assigned to, so Python cannot fill an instruction",
                remedy="write it as a plain field of the instruction; HOLE() in the stencil can convert its type",
                file=Path(config.path),
                line=line,
            )
    return error
