"""What the pipeline knows of the stencils besides their code: where they stand, their state, the VM's structs.

Read once from the module's debug information, and checked: a module whose stencils do not agree on the machine state, or
contain what a trace cannot carry, is refused here, before anything is generated.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from llvm_passes.checks import check, stencil_names
from llvm_passes.debug_info import DebugInfo, StencilSource, Structure, read_debug_info
from llvm_passes.module import Module
from llvm_passes.text import closing, split_top, unquote
from stencilgen.config import Config
from stencilgen.emit.header import Layout, StateParameter
from stencilgen.errors import Diagnostic, UserError

__all__ = ["Facts", "examine", "layouts", "require_sound"]


@dataclass(frozen=True, slots=True)
class Facts:
    """stencils: in the order of the sources; objects: external symbols that are data, not functions."""

    stencils: dict[str, StencilSource]
    state: tuple[StateParameter, ...]
    structures: tuple[Structure, ...]
    objects: frozenset[str]


def examine(module: Module, config: Config, state_names: Sequence[str], only: Collection[str] | None = None) -> Facts:
    """Read a module. UserError for one without stencils, with other functions, or with states that differ."""
    names = stencil_names(module)
    if not names:
        raise UserError("there is no stencil in it", remedy="write STENCIL(NAME) { ... }", file=config.sources[0])
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            remedy = "use ASCII letters, digits and underscores: it becomes a part of names in C"
            raise UserError(f"stencil {unquote(name)}: not a name for a stencil", remedy=remedy, file=config.sources[0])
    if only is not None:
        for unknown in [name for name in only if name not in names]:
            near = get_close_matches(unknown, names, n=3)
            remedy = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names[:10])} …"
            raise UserError(f"there is no stencil '{unknown}'", remedy=remedy)
        names = [name for name in names if name in only]
    debug = read_debug_info(module)
    if any(name not in debug.stencils for name in names):
        raise UserError(
            "the stencils carry no debug information, from which their lines and types are read",
            remedy="remove -g0 and its like from stencils.flags",
            file=config.path,
            line=config.line("stencils", "flags"),
        )
    if strangers := _strangers(module, debug, config):
        raise UserError(strangers)
    state = _state(module, debug.stencils[names[0]], state_names)
    for name in names[1:]:
        other = _state(module, debug.stencils[name], state_names)
        if other != state:
            where = debug.stencils[name].position
            raise UserError(
                f"stencil {name}: its machine state is not that of {names[0]}",
                remedy="define STENCIL_STATE alike in all sources",
                file=where.file,
                line=where.line,
            )
    objects = frozenset(name for name, line in module.globals.items() if "external" in line.split("=", 1)[1][:40])
    return Facts({name: debug.stencils[name] for name in names}, state, debug.structures, objects)


def require_sound(module: Module, config: Config, names: Sequence[str]) -> None:
    """UserError, with all problems at once, for stencils that contain what a trace cannot carry."""
    problems = check(module, names, holes=config.holes.keys())
    if problems:
        raise UserError([Diagnostic(f"stencil {p.stencil}: {p.what}", p.remedy, p.file, p.line) for p in problems])


def _state(module: Module, source: StencilSource, names: Sequence[str]) -> tuple[StateParameter, ...]:
    """Names and types as in C; the kind of register from the IR, which has seen through typedefs."""
    pieces = _parameters(module.functions[source.name])
    if not len(pieces) == len(names) == len(source.parameters):
        raise UserError(
            f"stencil {source.name}: a structure in STENCIL_STATE does not fit into one register",
            remedy="pass a pointer to it, or its members one by one",
            file=source.position.file,
            line=source.position.line,
        )
    kinds = [_KINDS.get(piece.split(" ", 1)[0], "i") for piece in pieces]
    return tuple(
        StateParameter(name, _unqualified(parameter.type), kind)
        for name, parameter, kind in zip(names, source.parameters, kinds, strict=True)
    )


def _unqualified(type_: str) -> str:
    """`const long` → `long`, `Frame *const` → `Frame *`: the generated header keeps the state in variables."""
    if "*" in type_:
        head, star, tail = type_.rpartition("*")
        return head + star + re.sub(r"\b(const|volatile|restrict)\b", "", tail).strip()
    return re.sub(r"\b(const|volatile)\b ?", "", type_).strip()


def _parameters(function: str) -> list[str]:
    """The parameters of a function definition in IR, each with its type first."""
    start = function.index("(", function.index("@"))
    return split_top(function[start + 1 : closing(function, start)])


_KINDS = {"float": "f", "double": "d"}


def _strangers(module: Module, debug: DebugInfo, config: Config) -> list[Diagnostic]:
    """Functions that are defined beside the stencils, and that the VM would therefore not have."""
    stencils = set(stencil_names(module))
    found = []
    for name, text in module.functions.items():
        header = text.split("\n", 1)[0]
        if name in stencils or header.startswith(("define internal", "define private", "define available_externally")):
            continue
        source = debug.stencils.get(name)
        file, line = (source.position.file, source.position.line) if source else (config.sources[0], 0)
        found.append(
            Diagnostic(
                f"the function {name} is defined in the stencils' own source, and so does not exist in the VM",
                "make it `static inline`, or define it in the VM",
                file,
                line,
            )
        )
    return found


def layouts(structures: Sequence[Structure], files: Collection[Path], directory: Path) -> list[Layout]:
    """The structs that are declared in one of `files`, as Clang laid them out, by name."""
    seen: dict[str, Layout] = {}
    for structure in structures:
        if (directory / structure.position.file).resolve() in files and structure.name not in seen:
            offsets = tuple((member.name, member.offset) for member in structure.members)
            seen[structure.name] = Layout(structure.name, structure.size, offsets)
    return [seen[name] for name in sorted(seen)]
