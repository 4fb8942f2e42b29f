"""listing.txt: every stencil's instructions with the bytes of their shortest encoding, for people who audit.

    LOAD_FAST                                    stencils.c:12    hot 11   cold 0   frame 0
      hot   49 8b 7c 24 ··              mov rdi, qword [r12+E0]            or 1 longer
            ff 07                       inc dword [rdi]

A byte that is only known when a trace is assembled is shown as `··`.
"""

from collections.abc import Iterator

from dasc import DropFrame, InstructionLine, LabelLine, LastValue, Line, Stencil
from dasc.syntax import format_instruction, format_line
from x86_64 import AssemblyError, Instruction

__all__ = ["render_listing"]


def render_listing(stencil: Stencil, max_hot: int, max_cold: int) -> str:
    """One stencil's part of the listing."""
    head = f"{stencil.name:<44} {stencil.source:<24} hot ≤ {max_hot:<4} cold ≤ {max_cold:<4} frame {stencil.frame}"
    lines = [head]
    lines += [f"  {value.symbol.name} = {value.expression}" for value in stencil.values]
    for part, content in (("hot", stencil.hot), ("cold", stencil.cold)):
        for number, line in enumerate(_lines(content)):
            lines.append(f"  {part if number == 0 else '':<6}{line}")
    return "\n".join(lines) + "\n"


def _lines(lines: tuple[Line, ...]) -> Iterator[str]:
    for line in lines:
        match line:
            case LabelLine(label):
                yield f"{'':<32}{label.name}:"
            case DropFrame():
                yield f"{'':<34}drop frame"
            case LastValue():
                yield f"{'':<34}{format_line(line).removeprefix('| ')}"
            case InstructionLine(instruction):
                code, others = _bytes(instruction)
                text = format_instruction(instruction)
                yield f"{code:<34}{text:<44}{others}".rstrip()


def _bytes(instruction: Instruction) -> tuple[str, str]:
    try:
        encodings = instruction.encodings()
    except AssemblyError:
        return "(by the runtime)", ""  # a wide constant, an address: chosen among several instructions
    shortest = encodings[0]
    code = [f"{byte:02x}" for byte in shortest.code]
    for field in shortest.fields:
        code[field.offset : field.offset + field.size] = ["··"] * field.size
    return " ".join(code), f"or {len(encodings) - 1} longer" if len(encodings) > 1 else ""
