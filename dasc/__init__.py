"""The `.dasc` language: machine code with holes, as text that a person can read and DynASM accepts.

compile_text(text, file, backend)   C of any `.dasc` file; `backend` is "direct", "actionlist" or "dynasm"

Of files that hold generated stencils, as values:

parse(text) -> File         read it; `DascError` points at a mistake
write(file) -> text         the inverse: parse(write(file)) == file
compile_stencil(stencil)    C source of its emit function, for `stencilgen/emit.h`
compile_file(file)          C source of a whole file
"""

from dasc.backends import BACKENDS, compile_text
from dasc.check import references
from dasc.compiler import PRELUDE, CompiledStencil, compile_file, compile_stencil, refuses_values
from dasc.dynasm import DynasmError
from dasc.errors import CompileError, DascError
from dasc.language.output import Comments
from dasc.language.translator import Options, TranslationError
from dasc.model import (
    EXIT,
    NEXT,
    Constants,
    Decision,
    DropFrame,
    File,
    InstructionLine,
    LabelHole,
    LabelLine,
    LastAction,
    LastValue,
    Line,
    Relocation,
    Stencil,
    Value,
    Version,
    versions,
)
from dasc.reader import parse
from dasc.writer import write, write_stencil

__all__ = [
    "BACKENDS",
    "EXIT",
    "NEXT",
    "PRELUDE",
    "Comments",
    "CompileError",
    "CompiledStencil",
    "Constants",
    "DascError",
    "Decision",
    "DropFrame",
    "DynasmError",
    "File",
    "InstructionLine",
    "LabelHole",
    "LabelLine",
    "LastAction",
    "LastValue",
    "Line",
    "Options",
    "Relocation",
    "Stencil",
    "TranslationError",
    "Value",
    "Version",
    "compile_file",
    "compile_stencil",
    "compile_text",
    "parse",
    "references",
    "refuses_values",
    "versions",
    "write",
    "write_stencil",
]
