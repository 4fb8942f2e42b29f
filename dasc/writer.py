"""Values to `.dasc` text that reads as if a person had written it, and that DynASM accepts.

    static void emit_LOAD_FAST(sg_assembler *Dst, const Instruction *instruction)  // @stencil frame 0
    {
        const int64_t E0 = instruction->oparg * 8 + 80;  // @value 80..524360 64
        |.hot
        | mov rdi, qword [r12+E0]
        | test dil, 1
        | jne =>L(1)
        | inc dword [rdi]
        |=>L(1):
        | mov qword [r13], rdi
        | add r13, 8
    }

A stencil that has versions decides between them as C does:

        if (instruction->oparg == 0) {
            |.hot
            | xor eax, eax
        } else {
            …
        }

A version may end with what it tells the runtime, `SG_LEARN(instruction->a, 2);`.

What DynASM does not need to know stands in `// @…` comments at the ends of lines: a stencil's frame, a value's range,
that no flag is read any more. The reader is the exact inverse of this module.
"""

from collections.abc import Iterator, Sequence

from dasc.check import require_sound, require_sound_preamble
from dasc.constants import c_rows
from dasc.model import Constants, File, Line, Stencil, Value, Version
from dasc.syntax import format_address, format_line

__all__ = ["write", "write_stencil"]

HEAD = """\
|// The machine code of micro-ops, with holes that are filled in at run time. The language is DynASM's.
|.arch x64
|.section hot, cold
|.actionlist sg_actions
|
|.define spl, r4b
|.define bpl, r5b
|.define sil, r6b
|.define dil, r7b
|
|.macro drop_frame
|  add rsp, SG_FRAME
|.endmacro
"""


def write(file: File) -> str:
    """A whole file as text that ends with a line feed. Raises `CompileError` for a stencil that is not sound."""
    require_sound_preamble(file.preamble)
    parts = [HEAD]
    if file.preamble:
        parts.append("".join(f"{line}\n" for line in file.preamble))
    if file.rodata != Constants():
        parts.append(_constants(file.rodata))
    parts += map(write_stencil, file.stencils)
    return "\n".join(parts)


def write_stencil(stencil: Stencil) -> str:
    """One stencil as an emit function, as it stands in a file."""
    require_sound(stencil)
    return "".join(f"{line}\n" for line in _stencil(stencil))


def _stencil(stencil: Stencil) -> Iterator[str]:
    depth = ", static depth" if stencil.static_depth else ""
    source = f", {stencil.source}" if stencil.source else ""
    parameters = ", ".join(("sg_assembler *Dst", *stencil.parameters))
    yield f"static void emit_{stencil.name}({parameters})  // @stencil frame {stencil.frame}{depth}{source}"
    yield "{"
    yield from _version(stencil, "    ")
    yield "}"


def _version(version: Stencil | Version, indent: str) -> Iterator[str]:
    for value in version.values:
        yield f"{indent}{_value(value)}"
    yield from (f"{indent}{line}" for line in (*_section("hot", version.hot), *_section("cold", version.cold)))
    yield from (f"{indent}{effect};" for effect in version.effects)
    decision = version.decision
    head = "if"
    while decision is not None:
        yield f"{indent}{head} ({decision.condition}) {{"
        yield from _version(decision.yes, f"{indent}    ")
        chained = decision.no.decision if not decision.no.values else None
        if chained is None:
            yield f"{indent}}} else {{"
            yield from _version(decision.no, f"{indent}    ")
            yield f"{indent}}}"
        head, decision = "} else if", chained


def _value(value: Value) -> str:
    symbol = value.symbol
    note = f"@value {symbol.low}..{symbol.high} {value.bits}" + (" checked" if value.checked else "")
    return f"const int64_t {symbol.name} = {value.expression};  // {note}"


def _section(name: str, lines: Sequence[Line]) -> Iterator[str]:
    if lines:
        yield f"|.{name}"
    for line in lines:
        yield format_line(line)


def _constants(constants: Constants) -> str:
    lines = ["static const uint8_t sg_rodata[] = {  // @rodata", *c_rows(constants.data), "};"]
    for relocation in constants.relocations:
        lines.append(f"// @relocation {relocation.offset} {format_address(relocation.address)}")
    return "".join(f"{line}\n" for line in lines)
