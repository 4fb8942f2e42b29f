"""Instructions that DynASM does not know, spelt as bytes.

    | vpopcntd zmm1, zmm2                 |.byte 0x62, 0xf2, 0x7d, 0x48, 0x55, 0xca
    | cmp si, E0                          |.byte 0x66, 0x81, 0xfe; .word E0

A value known only when the code is emitted takes the widest field, so that it always fits.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dasc.dynasm import DynasmError, run
from dasc.model import File, InstructionLine, versions
from dasc.syntax import format_line
from dasc.writer import write
from x86_64 import Instruction, Symbolic

__all__ = ["for_dynasm", "in_bytes"]

_DIRECTIVES = {1: ".byte", 2: ".word", 4: ".dword", 8: ".qword"}


def in_bytes(instruction: Instruction) -> str | None:
    """The statements that stand for an instruction; None when it refers to a label or an address, which bytes cannot."""
    encoding = instruction.encodings()[-1]
    statements, start = [], 0
    for field in (*encoding.fields, None):
        end = len(encoding.code) if field is None else field.offset
        if end > start:
            statements.append(".byte " + ", ".join(f"{byte:#04x}" for byte in encoding.code[start:end]))
        if field is None:
            break
        if not isinstance(field.operand, Symbolic) or field.scale != 1:
            return None
        if field.size:
            name, addend = field.operand.symbol.name, field.operand.addend
            statements.append(
                f"{_DIRECTIVES[field.size]} {name}{addend:+}" if addend else f"{_DIRECTIVES[field.size]} {name}"
            )
        start = field.offset + field.size
    return "; ".join(statements)


def for_dynasm(file: File, folder: str | Path | None = None) -> tuple[str, int]:
    """A file of generated stencils as text that DynASM accepts, and how many instructions are bytes in it.

    DynASM itself says which ones it does not accept. Raises `DynasmError` when one of them cannot be spelt as bytes.
    """
    lines = write(file).split("\n")
    spelt = {format_line(line): line.instruction for line in _instructions(file)}
    replaced = 0
    while refused := _refused("\n".join(lines), folder):
        for number in refused:
            text = lines[number - 1].strip()
            instruction = spelt.get(text)
            bytes_ = in_bytes(instruction) if instruction is not None else None
            if bytes_ is None:
                raise DynasmError(f"line {number}: DynASM has no way to write `{text}`")
            lines[number - 1] = lines[number - 1].replace(text, f"| {bytes_}  {text.replace('|', '//', 1)}")
            replaced += 1
    return "\n".join(lines), replaced


def _instructions(file: File) -> Iterator[InstructionLine]:
    for stencil in file.stencils:
        for version in versions(stencil):
            for line in (*version.hot, *version.cold):
                if isinstance(line, InstructionLine):
                    yield line


def _refused(text: str, folder: str | Path | None) -> list[int]:
    """The lines that DynASM finds fault with: the first 20 of them."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "in.dasc"
        source.write_text(text, encoding="utf-8")
        result = run(["-N", "-o", str(Path(directory) / "out.c"), str(source)], folder)
    refused = [int(number) for number in re.findall(r"^.*in\.dasc:(\d+): error:", result.messages, re.MULTILINE)]
    if result.code and not refused:
        raise DynasmError(result.messages.strip())
    return refused
