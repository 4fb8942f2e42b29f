"""One function for every kind of `.dasc` file and every way to compile it.

backend       file of generated stencils           hand-written file
"direct"      emit functions, `stencilgen/emit.h`  direct stores, `stencilgen/dasm.h`
"actionlist"  calls of `dasm_put`, DynASM's own `dasm_proto.h` and `dasm_x86.h`
"dynasm"      the same, by DynASM itself
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dasc.actionlist import ActionListBackend
from dasc.compiler import compile_file
from dasc.direct import DirectBackend
from dasc.dynasm import DynasmError, run
from dasc.language.output import Output
from dasc.language.translator import Options, translate
from dasc.reader import parse

__all__ = ["BACKENDS", "compile_text", "dynasm_arguments", "holds_stencils"]

BACKENDS = ("direct", "actionlist", "dynasm")
_STENCIL = re.compile(r"^[^|\n]*//\s*@(stencil|rodata)\b", re.MULTILINE)


def holds_stencils(text: str) -> bool:
    """Whether a file consists of generated stencils: their heads say so in comments."""
    return _STENCIL.search(text) is not None


def compile_text(
    text: str, file: str, backend: str = "direct", options: Options | None = None, dynasm: str | Path | None = None
) -> str:
    """The C of a `.dasc` file. `file` is what errors call it; dynasm: DynASM's folder.

    Raises `DascError`, `TranslationError` or `CompileError` for mistakes in the file, `DynasmError` where DynASM is
    missing or refuses the file.
    """
    options = options or Options()
    if backend == "direct" and holds_stencils(text):
        return compile_file(parse(text, file), Path(file).name)
    if backend == "dynasm":
        return _by_dynasm(text, file, options, dynasm)
    output = Output(options.comments, options.line_numbers)
    maker = {"direct": DirectBackend, "actionlist": ActionListBackend}[backend]
    code = translate(text, file, maker(output), options)
    return f"/* Generated from {Path(file).name} by `python -m dasc`: change that file instead. */\n{code}"


def dynasm_arguments(options: Options) -> Iterator[str]:
    """The options as dynasm.lua takes them."""
    for name, value in options.definitions:
        yield from ("-D", f"{name}={value}")
    for folder in reversed(options.folders):  # the last one given is looked into first
        if folder != Path():
            yield from ("-I", str(folder))
    if not options.comments.before:
        yield "-N"
    elif options.comments.after:
        yield "-c"
    for flag, wanted in (("-M", options.macro_comments), ("-F", options.flush_lines), ("-L", not options.line_numbers)):
        if wanted:
            yield flag


def _by_dynasm(text: str, file: str, options: Options, folder: str | Path | None) -> str:
    """DynASM reads files, so the text goes into one where it is not there already."""
    path = Path(file)
    with tempfile.TemporaryDirectory() as directory:
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path = Path(directory) / (path.name.strip("<>") or "in.dasc")
            path.write_text(text, encoding="utf-8")
        output = Path(directory) / "out.c"
        result = run([*dynasm_arguments(options), "-o", str(output), str(path)], folder)
        if result.code:
            raise DynasmError(result.messages.strip() or "DynASM refuses the file without saying why")
        return output.read_text(encoding="utf-8")
