"""What Clang says of the VM's own header: the files it includes, and whether the configuration's expressions fit it.

The key idea: the expressions of stencilgen.toml are C, and end up in the generated header, where a mistake would come up late
and in a file that nobody wrote. So they are compiled once by themselves, each under a `#line` of its own: Clang's words
then name the line of stencilgen.toml.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from stencilgen.config import Config
from stencilgen.errors import Diagnostic, UserError
from stencilgen.toolchain.clang import Clang, stencil_flags

__all__ = ["examine_header"]

_CONFIGURATION = "stencilgen.toml"
_INTEGERS = frozenset(f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64))
_PLAIN = re.compile(r"(?:\w|\.|->|[][()])+")


def examine_header(config: Config, clang: Clang) -> frozenset[Path]:
    """The header of the instruction type and all that it includes, except for system headers.

    UserError when it is not there, and for every expression of the configuration that does not fit it.
    """
    flags = [flag for flag in stencil_flags(config, clang) if not flag.startswith("-W")]
    command = [*clang.command, *flags, "-w", "-I", str(config.directory), "-ferror-limit=0"]
    command += ["-x", "c", "-fsyntax-only", "-MMD", "-MF", "-", "-MT", "_", "-"]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=config.directory, errors="replace", input="\n".join(_probe(config))
    )
    if result.returncode != 0:
        if re.search(r": fatal error: |^error: ", result.stderr, re.MULTILINE):
            what = f"the header of the instruction type does not compile:\n{result.stderr.strip()}"
            raise UserError(what, file=config.path, line=config.line("instruction", "header"))
        if problems := _problems(config, result.stderr):
            raise UserError(problems)
    return frozenset((config.directory / name).resolve() for name in _prerequisites(result.stdout))


def _probe(config: Config) -> Iterator[str]:
    """C in which every expression of the configuration stands once."""
    instruction = config.instruction
    yield f'#include "{instruction.header}"'
    yield "#include <stdint.h>"
    yield _at(config.line("instruction", "type"))
    yield f"typedef {instruction.type} sg_instruction; enum {{ sg_size = sizeof(sg_instruction) }};"
    yield _at(config.line("instruction", "opcode") or config.line("instruction", "type"))
    yield f"uint32_t sg_opcode(const sg_instruction *instruction) {{ return (uint32_t)({instruction.opcode}); }}"
    for name, hole in config.holes.items():
        yield _at(config.line("holes", name))
        statements = f"(void)({hole.value});"
        if hole.type:
            statements += f" (void)sizeof({hole.type});"
        if hole.type in _INTEGERS and _PLAIN.fullmatch(hole.value):
            # the emit function reads it without a cast then
            same = f"sizeof({hole.value}) == sizeof({hole.type})"
            same += f" && ((__typeof__({hole.value}))-1 < 0) == (({hole.type})-1 < 0)"
            statements += f" _Static_assert({same}, \"'{hole.value}' is not of type {hole.type}\");"
        yield f"void sg_hole_{name}(const sg_instruction *instruction) {{ {statements} }}"


def _at(line: int) -> str:
    return f'#line {max(line, 1)} "{_CONFIGURATION}"'


def _problems(config: Config, messages: str) -> list[Diagnostic]:
    """Clang's complaints, one a line of the configuration.

    None when the header by itself does not compile: a VM may well include others before it.
    """
    errors = re.findall(r"^(.+?):(\d+):\d+: error: (.*)$", messages, re.MULTILINE)
    if any(file != _CONFIGURATION for file, _, _ in errors):
        return []
    first: dict[int, str] = {}
    for _, line, words in errors:
        first.setdefault(int(line), words.rpartition("': ")[2] if words.startswith("static assertion") else words)
    remedy = f"correct it to what {config.instruction.header} declares; `instruction` is a `const {config.instruction.type} *`"
    return [Diagnostic(f"Clang says: {words}", remedy, config.path, line) for line, words in first.items()]


def _prerequisites(rule: str) -> list[str]:
    """The files of a makefile's rule, without its goal and standard input."""
    words = re.findall(r"(?:\\[ #\\]|\$\$|[^\s\\]|\\(?=\S))+", rule.replace("\\\n", " "))[1:]
    names = [re.sub(r"\\([ #])", r"\1", word).replace("$$", "$") for word in words]
    return [name for name in names if name != "-"]
