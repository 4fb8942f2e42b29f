"""The `.dasc` language: machine code with holes, as text that a person can read and DynASM accepts.

parse(text) -> File         read it; `DascError` points at a mistake
write(file) -> text         the inverse: parse(write(file)) == file
compile_stencil(stencil)    C source of its emit function, for `stencilgen/emit.h`
compile_file(file)          C source of a whole file
"""

from dasc.errors import CompileError, DascError
from dasc.model import (
    EXIT,
    NEXT,
    Constants,
    DropFrame,
    File,
    InstructionLine,
    LabelHole,
    LabelLine,
    Line,
    Relocation,
    Stencil,
    Value,
)

__all__ = [
    "EXIT",
    "NEXT",
    "CompileError",
    "Constants",
    "DascError",
    "DropFrame",
    "File",
    "InstructionLine",
    "LabelHole",
    "LabelLine",
    "Line",
    "Relocation",
    "Stencil",
    "Value",
]
