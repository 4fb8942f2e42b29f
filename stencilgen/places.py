"""The places of `[last]`, found in the compiled sources.

C itself says where `frame->ip` is: `stencil.h` makes of each declared place a function that returns its address and one that
returns its size, and Clang's optimiser makes constants of them.
"""

import re
from collections.abc import Sequence

from llvm_passes.last_values import Place, escapes, place_of
from llvm_passes.layout import Layout
from llvm_passes.module import Module
from stencilgen.config import Config, LastTable
from stencilgen.errors import Diagnostic, UserError
from stencilgen.facts import Facts
from stencilgen.layout.conventions import STATE_INTEGERS

__all__ = ["places_of", "require_hidden"]

_SIZES = (4, 8)


def places_of(config: Config, module: Module, facts: Facts) -> tuple[Place, ...]:
    """All declared places. UserError, at their lines, for those that are not what they should be."""
    problems: list[Diagnostic] = []
    places = []
    for name, table in config.last.items():
        place = _place(config, module, facts, name, table)
        if isinstance(place, Place):
            places.append(place)
        else:
            problems.append(Diagnostic(*place, config.path, config.line("last", name)))
    if problems:
        raise UserError(problems)
    return tuple(places)


def _place(config: Config, module: Module, facts: Facts, name: str, table: LastTable) -> Place | tuple[str, str]:
    """A place, or what is wrong with its declaration and what to do."""
    located = place_of(module.functions[f"__sg_place_{name}"], Layout(module.types))
    if located is None:
        pointers = [parameter.name for parameter in facts.state if "*" in parameter.type]
        known = " or ".join(f"{pointer}->…" for pointer in pointers) or "a pointer in STENCIL_STATE"
        return (
            f"[last] {name}: '{table.place}' is not a member of what a state parameter points to",
            f"name a member that is found without reading memory: {known}",
        )
    size = re.search(r"^  ret i64 (\d+)", module.functions[f"__sg_size_{name}"], re.M)
    if size is None or int(size[1]) not in _SIZES:
        return (
            f"[last] {name}: '{table.place}' is no number or pointer of 32 or 64 bits",
            "declare a place of such a type, or remove it",
        )
    for key, functions in (("blind", table.blind), ("writers", table.writers or [])):
        for function in functions:
            if function not in module.declarations:
                return (
                    f"[last] {name}: no stencil calls the function {function}, which is listed in {key}",
                    "correct its name, or remove it",
                )
    if both := sorted(set(table.blind) & set(table.writers or [])):
        return f"[last] {name}: {both[0]} is listed in blind and in writers", "remove it from one of them"
    parameter, offset = located
    integers = [number for number, state in enumerate(facts.state) if state.kind == "i"]
    register = STATE_INTEGERS[integers.index(parameter)].name
    writers = None if table.writers is None else frozenset(table.writers)
    return Place(name, parameter, register, offset, int(size[1]), frozenset(table.blind), writers)


def require_hidden(module: Module, names: Sequence[str], places: Sequence[Place]) -> None:
    """UserError for stencils that give a place's address away."""
    problems = list(escapes(module, names, places, Layout(module.types)))
    if problems:
        raise UserError([Diagnostic(f"stencil {p.stencil}: {p.what}", p.remedy, p.file, p.line) for p in problems])
