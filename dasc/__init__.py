"""The `.dasc` language: machine code with holes, as text that a person can read and DynASM accepts.

parse(text) -> File         read it; `DascError` points at a mistake
write(file) -> text         the inverse: parse(write(file)) == file
compile_stencil(stencil)    C source of its emit function, for `stencilgen/emit.h`
compile_file(file)          C source of a whole file
"""

from dasc.compiler import PRELUDE, CompiledStencil, compile_file, compile_stencil
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
from dasc.reader import parse
from dasc.writer import write, write_stencil

__all__ = [
    "EXIT",
    "NEXT",
    "PRELUDE",
    "CompileError",
    "CompiledStencil",
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
    "compile_file",
    "compile_stencil",
    "parse",
    "write",
    "write_stencil",
]
