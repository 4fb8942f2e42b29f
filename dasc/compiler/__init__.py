"""From a stencil to the C source of its emit function, in four steps that each have a module:

select     line → piece: which encodings, which tests; `ranges` has the arithmetic
branches   short or long jumps
layout     which distances are constants, which are computed, and when
c_text     pieces → C
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

from dasc.check import references, require_sound
from dasc.compiler.branches import OutOfReach, settle
from dasc.compiler.c_text import emit_function
from dasc.compiler.layout import Layout
from dasc.compiler.pieces import Choice, Fixed, Piece, longest
from dasc.compiler.select import exit_stub, select
from dasc.constants import c_constants
from dasc.errors import CompileError
from dasc.model import (
    EXIT,
    NEXT,
    Constants,
    DropFrame,
    File,
    InstructionLine,
    LabelLine,
    LastValue,
    Line,
    Stencil,
    versions,
)
from x86_64 import Control, Label

__all__ = ["PRELUDE", "CompiledStencil", "compile_file", "compile_stencil", "refuses_values"]

PRELUDE = """\
#include <stencilgen/emit.h>
#ifdef SG_DEBUG
#include <assert.h>
#endif
"""
"""What the emit functions need before them."""


@dataclass(frozen=True, slots=True)
class CompiledStencil:
    """An emit function and what the runtime must know about it.

    c_source: the C11 function `emit_NAME`, after a comment; needs `PRELUDE` before it
    max_hot, max_cold: bytes that it emits at most
    frame: bytes of stack that its code needs below the return address
    continues: its code may go on to the next micro-op
    exits: it has an exit stub
    versions: bytes, hot and cold, that each version emits at most, in the order of `dasc.versions`
    """

    name: str
    c_source: str
    max_hot: int
    max_cold: int
    frame: int
    continues: bool
    exits: bool
    versions: tuple[tuple[int, int], ...]


def compile_stencil(stencil: Stencil) -> CompiledStencil:
    """The emit function of a stencil. Raises `CompileError`."""
    require_sound(stencil)
    compiled = {version: _compile_version(version) for version in versions(stencil)}
    max_hot = max(version.max_hot for version in compiled.values())
    max_cold = max(version.max_cold for version in compiled.values())
    source = emit_function(stencil, {version: done.layout for version, done in compiled.items()}, max_hot, max_cold)
    return CompiledStencil(
        stencil.name,
        source,
        max_hot,
        max_cold,
        stencil.frame,
        any(_refers_to(version, NEXT) or _falls_through(version.hot) for version in compiled),
        any(_refers_to(version, EXIT) for version in compiled),
        tuple((compiled[version].max_hot, compiled[version].max_cold) for version in versions(stencil)),
    )


@dataclass(frozen=True, slots=True)
class _CompiledVersion:
    """A version's pieces at their places, and the bytes that it emits at most."""

    layout: Layout
    max_hot: int
    max_cold: int


def _compile_version(version: Stencil) -> _CompiledVersion:
    """A stencil without decisions."""
    exits = _refers_to(version, EXIT)
    try:
        hot = settle(_pieces(version, version.hot, NEXT), {NEXT: True})
        cold = settle([_exit_stub(version)] * exits + _pieces(version, version.cold, EXIT), {EXIT: False})
    except OutOfReach as error:
        cause = f"`{error}` can jump no further than 128 bytes, and its target may be further away"
        raise CompileError(cause, "move the two closer together", version.name, version.source) from None
    return _CompiledVersion(Layout(hot, cold), sum(map(longest, hot)), sum(map(longest, cold)))


def _exit_stub(version: Stencil) -> Piece:
    """The stub, and what it writes before it leaves."""
    writing = next(filter(_is_about_stub, (*version.hot, *version.cold)), None)
    return exit_stub(version.static_depth, writing)


def _is_about_stub(line: Line) -> TypeGuard[LastValue]:
    return isinstance(line, LastValue) and line.action in ("exits_write", "exits_rewrite")


def compile_file(file: File, name: str = "") -> str:
    """The C source of a whole file; `name` is what it is generated from. Raises `CompileError`."""
    origin = f" from {name}" if name else ""
    runtime = "#include <stencilgen/jit.h>\n" if file.rodata.relocations else ""
    parts = [f"/* Emit functions, generated{origin} by `python -m dasc`. */\n{PRELUDE}{runtime}"]
    if file.preamble:
        parts.append("".join(f"{line}\n" for line in file.preamble))
    if file.rodata != Constants():
        parts.append(c_constants(file.rodata))
    for stencil in file.stencils:
        compiled = compile_stencil(stencil)
        limits = {"max_hot": compiled.max_hot, "max_cold": compiled.max_cold, "frame": compiled.frame}
        parts.append(compiled.c_source)
        parts.append(
            f"enum {{ {', '.join(f'sg_{key}_{stencil.name} = {value}' for key, value in limits.items())} }};\n"
        )
    return "\n".join(parts)


def refuses_values(stencil: Stencil) -> bool:
    """Whether some value within its range fits no encoding of an instruction, in a stencil without decisions."""
    pieces = (*_pieces(stencil, stencil.hot, NEXT), *_pieces(stencil, stencil.cold, EXIT))
    return any(isinstance(piece, Fixed | Choice) and piece.checks for piece in pieces)


def _pieces(stencil: Stencil, lines: Sequence[Line], edge: Label) -> list[Piece]:
    lines = [line for line in lines if not _is_about_stub(line)]
    local = frozenset({edge, *(line.label for line in lines if isinstance(line, LabelLine))})
    last = max((index for index, line in enumerate(lines) if not isinstance(line, LabelLine)), default=0)
    in_cold = edge == EXIT
    return [select(stencil, line, local, in_cold or index == last) for index, line in enumerate(lines)]


def _refers_to(stencil: Stencil, label: Label) -> bool:
    lines = (*stencil.hot, *stencil.cold)
    return any(label in references(line.instruction) for line in lines if isinstance(line, InstructionLine))


def _falls_through(lines: Sequence[Line]) -> bool:
    match [line for line in lines if not isinstance(line, LastValue) or line.emits][-1:]:
        case [InstructionLine(instruction)]:
            return instruction.effects.control not in _NO_SUCCESSOR
        case [LabelLine() | DropFrame() | LastValue()] | []:
            return True
    raise AssertionError(lines[-1:])


_NO_SUCCESSOR = {Control.JUMP, Control.RETURN, Control.INDIRECT_JUMP, Control.TRAP}
