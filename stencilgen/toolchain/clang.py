"""Finding a Clang, and asking it for the LLVM IR of the stencils.

The key idea: any Clang from 19 to 22 will do, because all that is taken from it is IR, which the newer LLVM in llvmlite
reads. So the search ends at the `ziglang` wheel, whose `zig clang` is a whole Clang driver: with it, nothing need be
installed on the machine.
"""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stencilgen.config import Config
from stencilgen.errors import ClangWarning, Diagnostic, UserError
from stencilgen.paths import stencil_include
from stencilgen.toolchain.cpu import Cpu

__all__ = [
    "NEWEST",
    "OLDEST",
    "Clang",
    "compile_commands",
    "compile_to_ir",
    "find_clang",
    "line_of_state",
    "state_names",
    "stencil_flags",
    "ziglang",
]

OLDEST, NEWEST = 19, 22
"""The Clang versions whose IR llvmlite's LLVM reads and that know `preserve_none`."""

TRIPLE = "x86_64-linux-gnu"

FLAGS = (
    "-O2",
    "-g",  # for messages that name a line, and for the struct layouts that the generated header asserts
    "-fno-pic",  # VM functions and data are dso_local: direct calls, no GOT
    "-fno-jump-tables",  # a stencil cannot carry a table of code addresses
    "-ffp-contract=off",  # a result must not depend on whether the machine has FMA
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-unroll-loops",  # unrolling multiplies JIT-time conditions
    "-fno-vectorize",
    "-fno-slp-vectorize",  # a vector load of two fresh 8-byte stores defeats store forwarding
    "-Werror=return-type",  # a stencil that falls off its end
    "-Werror=implicit-function-declaration",
)
"""Every flag is there for a reason; a user's own flags come after these and win."""


@dataclass(frozen=True, slots=True)
class Clang:
    """A usable Clang: the command that starts it, and where it was found."""

    command: tuple[str, ...]
    version: int
    origin: str
    system_headers: tuple[str, ...] = ()


def find_clang() -> Clang:
    """$STENCILGEN_CLANG, else clang-22 … clang-19 or clang on PATH, else the ziglang wheel. UserError if there is none."""
    if chosen := os.environ.get("STENCILGEN_CLANG"):
        clang = _probe((chosen,), "$STENCILGEN_CLANG")
        if clang is None:
            raise UserError(
                f"$STENCILGEN_CLANG is '{chosen}', which is not a Clang",
                remedy="set it to a Clang 19 to 22, or unset it to use that of a Python package: pip install 'stencilgen[clang]'",
            )
        if not OLDEST <= clang.version <= NEWEST:
            raise UserError(
                f"$STENCILGEN_CLANG is Clang {clang.version}; stencilgen works with Clang {OLDEST} to {NEWEST}",
                remedy="set it to one of these, or unset it to use that of a Python package: pip install 'stencilgen[clang]'",
            )
        return clang
    names = [f"clang-{version}" for version in range(NEWEST, OLDEST - 1, -1)] + ["clang"]
    for name in names:
        if (path := shutil.which(name)) and (clang := _probe((path,), "PATH")) and OLDEST <= clang.version <= NEWEST:
            return clang
    if zig := ziglang():
        clang = _probe((str(zig / "zig"), "clang"), "the ziglang package", _zig_headers(zig))
        if clang and OLDEST <= clang.version <= NEWEST:
            return clang
    raise UserError(
        f"there is no Clang {OLDEST} to {NEWEST} here",
        remedy="pip install 'stencilgen[clang]', or set $STENCILGEN_CLANG to one",
    )


def ziglang() -> Path | None:
    """The folder of the ziglang wheel, if it is installed."""
    spec = importlib.util.find_spec("ziglang")
    return Path(spec.origin).parent if spec and spec.origin else None


def _zig_headers(zig: Path) -> tuple[str, ...]:
    """Zig's Clang looks for its own headers elsewhere, and for libc's only where the system keeps them."""
    headers = [zig / "lib" / "include"]
    if not Path("/usr/include/stdio.h").exists():
        libc = zig / "lib" / "libc" / "include"
        headers += [libc / name for name in ("x86-linux-gnu", "generic-glibc", "x86-linux-any", "any-linux-any")]
    return tuple(str(path) for path in headers)


@functools.cache
def _probe(command: tuple[str, ...], origin: str, system_headers: tuple[str, ...] = ()) -> Clang | None:
    try:
        output = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"clang version (\d+)\.", output)
    return Clang(command, int(match[1]), origin, system_headers) if match else None


def stencil_flags(
    config: Config, clang: Clang, state_names: Sequence[str] | None = None, cpu: Cpu | None = None
) -> list[str]:
    """All flags with which a stencil source is compiled. cpu: the level of x86-64, if the configuration names any."""
    flags = ["-target", TRIPLE, *FLAGS]
    if cpu is not None and "target" in config.model_fields_set:
        flags += [f"-march={cpu.name}", "-mtune=generic"]
    flags += [flag for directory in clang.system_headers for flag in ("-isystem", directory)]
    flags += ["-I", str(stencil_include())]
    flags += [flag for directory in config.stencils.include for flag in ("-I", str(config.directory / directory))]
    if state_names is not None:
        flags.append(f"-DSG_STATE_NAMES={','.join(state_names)}")
    flags.append(f"-DSG_HOLES={' '.join(f'SG_DECLARE_HOLE({name})' for name in config.holes)}")
    if config.facts is not None:
        flags += [f"-DSG_FACT_{name}={1 << number}u" for number, name in enumerate(config.facts.names)]
    if config.last:
        flags.append(f"-DSG_PLACES={' '.join(f'SG_PLACE({name}, {_PLACE}{name})' for name in config.last)}")
        flags += [f"-D{_PLACE}{name}={table.place}" for name, table in config.last.items()]
    return flags + config.stencils.flags


_PLACE = "SG_PLACE_"
"""With a place's name after it, the macro that stands for its lvalue."""


def compile_to_ir(config: Config, clang: Clang, source: Path, names: Sequence[str], cpu: Cpu | None = None) -> str:
    """The LLVM IR of one stencil source. UserError, or ClangWarning, holds Clang's own messages, which name file and line."""
    result = _run(config, clang, source, [*stencil_flags(config, clang, names, cpu), "-S", "-emit-llvm", "-o", "-"])
    if messages := result.stderr.strip():
        warnings.warn(messages, ClangWarning, stacklevel=2)
    return result.stdout


def state_names(config: Config, clang: Clang, source: Path) -> list[str]:
    """The names of the state's parameters, from the macro STENCIL_STATE as the preprocessor sees it.

    C has no way to get from `Frame *frame` to `frame`, and the ends of a stencil must name what they hand on.
    """
    output = _run(config, clang, source, [*stencil_flags(config, clang, ["_"]), "-E", "-dM", "-o", "-"]).stdout
    macros = dict(re.findall(r"^#define (\w+) (.*)$", output, re.MULTILINE))
    state = macros.get("STENCIL_STATE")
    if state is None:
        raise UserError(
            "STENCIL_STATE is not defined",
            remedy="define the machine state, and include <stencilgen/stencil.h> after it",
            file=source,
            line=1,
        )
    names = []
    for parameter in _expanded(state, macros):
        identifiers = re.findall(r"[A-Za-z_]\w*", parameter)
        if "(" in parameter or "[" in parameter or len(identifiers) < 2:
            raise UserError(
                f"STENCIL_STATE: '{parameter.strip()}' is not a type and a name",
                remedy="write each parameter as 'type name', with a typedef for function pointers and arrays",
                file=source,
                line=line_of_state(source),
            )
        names.append(identifiers[-1])
    return names


def _expanded(state: str, macros: Mapping[str, str], within: frozenset[str] = frozenset()) -> Iterator[str]:
    """The parameters, and in place of a macro that stands for several (`VM_STATE, double top`) those."""
    for parameter in state.split(","):
        macro = parameter.strip()
        if macro in macros and macro not in within:
            yield from _expanded(macros[macro], macros, within | {macro})
        else:
            yield parameter


def line_of_state(source: Path) -> int:
    for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
        if re.match(r"\s*#\s*define\s+STENCIL_STATE\b", line):
            return number
    return 1


def _run(config: Config, clang: Clang, source: Path, flags: list[str]) -> subprocess.CompletedProcess[str]:
    command = [*clang.command, *flags, _relative(source, config.directory)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=config.directory, errors="replace")
    if result.returncode != 0:
        raise UserError(
            _wrong_places(config, result.stderr)
            or [*_unknown_holes(config, result.stderr), *_unknown_facts(config, result.stderr)]
            or _open_ends(result.stderr)
            or [Diagnostic(f"Clang rejects the stencils:\n{result.stderr.strip()}", file=source)]
        )
    return result


def _wrong_places(config: Config, messages: str) -> list[Diagnostic]:
    """What the user is to know when a place of [last] is no lvalue of C: Clang complains about stencil.h."""
    found: dict[str, str] = {}
    cause = ""
    lines = messages.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if error := re.search(r": error: (.*)$", line):
            cause = error[1]
        elif (macro := re.search(rf"note: expanded from macro '{_PLACE}(\w+)'", line)) and cause:
            found.setdefault(macro[1], cause)
        elif (macro := re.search(r":(\d+): note: expanded from macro 'SG_PLACES'", line)) and cause:
            expanded = re.match(r"SG_PLACE\((\w+)", after.partition("| ")[2][int(macro[1]) - 1 :])
            if expanded:
                found.setdefault(expanded[1], cause)
    return [
        Diagnostic(
            f"[last] {name}: '{config.last[name].place}' is not a place that stencils can name: {why}",
            "write it as in a stencil: a state parameter's member, such as frame->ip",
            config.path,
            config.line("last", name),
        )
        for name, why in found.items()
        if name in config.last
    ]


def _unknown_holes(config: Config, messages: str) -> list[Diagnostic]:
    """What the user is to know when a hole is missing from the configuration: Clang only knows that it is not declared."""
    pattern = r"^(.+?):(\d+):\d+: error: use of undeclared identifier '__sg_hole_[a-z0-9]+_(\w+)'"
    known = ", ".join(sorted(config.holes)) or "none"
    return [
        Diagnostic(
            f"the hole {hole} is not configured",
            f"correct its name, or add it to [holes] (there: {known})",
            file,
            int(line),
        )
        for file, line, hole in dict.fromkeys(re.findall(pattern, messages, re.MULTILINE))
    ]


def _unknown_facts(config: Config, messages: str) -> list[Diagnostic]:
    """The same for facts."""
    pattern = r"^(.+?):(\d+):\d+: error: use of undeclared identifier 'SG_FACT_(\w+)'"
    known = ", ".join(config.facts.names) if config.facts else "none"
    return [
        Diagnostic(
            f"the fact {fact} is not declared",
            f"correct its name, or add it to names in [facts] (there: {known})",
            file,
            int(line),
        )
        for file, line, fact in dict.fromkeys(re.findall(pattern, messages, re.MULTILINE))
    ]


def _open_ends(messages: str) -> list[Diagnostic]:
    """A stencil that falls off its end; none if Clang complains about anything else, too."""
    pattern = r"^(.+?):(\d+):\d+: error: non-void function does not return a value"
    found = re.findall(pattern, messages, re.MULTILINE)
    remedy = "end every way through a stencil with CONTINUE(), JUMP(…), SIDE_EXIT(), RETURN(…) or TAIL_CALL(…)"
    what = "control comes to the end of a function that has not said how the trace goes on"
    return (
        [Diagnostic(what, remedy, file, int(line)) for file, line in found]
        if messages.count(": error: ") == len(found)
        else []
    )


def _relative(path: Path, directory: Path) -> str:
    """Names in messages and in debug information are those that the user wrote, wherever the checkout lies."""
    name = str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)
    return f"./{name}" if name.startswith("-") else name


def compile_commands(config: Config, clang: Clang, names: Sequence[str]) -> list[dict[str, object]]:
    """The content of compile_commands.json, from which clangd and editors learn how stencils are compiled."""
    return [
        {
            "directory": str(config.directory),
            "file": _relative(source, config.directory),
            "arguments": [
                "clang",
                *stencil_flags(config, clang, names),
                "-c",
                _relative(source, config.directory),
            ],
        }
        for source in config.sources
    ]
