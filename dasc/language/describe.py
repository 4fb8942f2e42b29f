"""What `-A` and `-P` list: the registers and instructions there are, and what a file defines."""

from collections.abc import Iterable, Iterator

from dasc.actionlist import ActionListBackend
from dasc.language.instructions import mnemonic_names
from dasc.language.output import Output
from dasc.language.preprocessor import Preprocessor
from dasc.language.registers import register_names
from dasc.language.translator import Options, Translator

__all__ = ["describe_architecture", "describe_definitions"]

_COLUMN = 20


def describe_architecture(name: str) -> str:
    """Registers by their kinds, and mnemonics."""
    kinds: dict[str, list[str]] = {}
    for register in register_names(name == "x64"):
        kinds.setdefault(register_names(name == "x64")[register].kind, []).append(register)
    lines = ["Registers:", *(f"  {kind:<{_COLUMN}} {' '.join(names)}" for kind, names in kinds.items()), ""]
    lines += ["Instructions:", *(f"  {mnemonic}" for mnemonic in sorted(mnemonic_names()))]
    return _text(lines)


def describe_definitions(text: str, file: str, options: Options, level: int) -> str:
    """Definitions, sections, types, labels, macros and captures of a file; level 2: with what is in them."""
    backend = ActionListBackend(Output(options.comments, options.line_numbers))
    translator = Translator(backend)
    translator.preprocessor = preprocessor = Preprocessor(
        translator, backend.output, dict(options.definitions), options.folders
    )
    preprocessor.read(text, file)
    types = translator.parser.types if translator.parser is not None else {}
    return _text([
        *_list("Sections", ((name, "") for name in translator.section_names)),
        *_list("Defines", sorted(preprocessor.definitions.items())),
        *_list("Types", ((name, type_.ctype) for name, type_ in sorted(types.items()))),
        *_list("Global labels", ((name, "") for name in backend.names.globals)),
        *_list("External labels", ((name, "") for name in backend.names.externs)),
        *_list("Macros", _macros(preprocessor, level)),
        *_list("Captures", ((name, f"{len(lines)} lines") for name, lines in backend.output.captures.items())),
    ])  # fmt: skip


def _macros(preprocessor: Preprocessor, level: int) -> Iterator[tuple[str, str]]:
    for (name, _), macro in sorted(preprocessor.macros.items()):
        yield name, ", ".join(macro.parameters)
        if level > 1:
            for line, _ in macro.lines:
                yield f"  |{line}", ""


def _list(title: str, entries: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"{title}:"
    for name, value in entries:
        yield f"  {name:<{_COLUMN}} {value}".rstrip()
    yield ""


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
