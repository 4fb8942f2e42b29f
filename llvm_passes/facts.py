"""All that a caller wants to know of a module before it compiles anything: stencils, state, problems, fingerprints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from llvm_passes.checks import Problem, check, stencil_names
from llvm_passes.debug_info import Structure, read_debug_info
from llvm_passes.module import Module, split_module
from llvm_passes.text import closing, split_top, unquote


@dataclass(frozen=True, slots=True)
class StencilFact:
    """A stencil and where its author wrote it; line 0 without debug information."""

    name: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class StateParameter:
    """A parameter of the machine state: C name, C type, and kind: `i` integer or pointer, `f` float, `d` double."""

    name: str
    type: str
    kind: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A module's stencils in source order, their state, and what surrounds them.

    `state` is the first stencil's. `holes` maps hole functions, named as after `__sg_hole_`, to the C types that they
    return. `functions` tells for every external symbol whether it is a function (else it is an object).
    """

    module: Module
    stencils: Mapping[str, StencilFact]
    state: tuple[StateParameter, ...]
    structures: tuple[Structure, ...]
    holes: Mapping[str, str]
    functions: Mapping[str, bool]

    def problems(self, holes: Collection[str] | None = None) -> list[Problem]:
        """What the stencils contain and cannot; `holes` are the configured names (None: any will do)."""
        return check(self.module, self.stencils, holes)

    def fingerprint(self, name: str) -> str:
        """A hash of the stencil's IR and of all it refers to, without debug information."""
        return self.module.fingerprint(name)


def examine(ir: str | Module) -> Facts:
    """Read a module compiled with -g. Raises module.UnreadableModule for what is not LLVM IR."""
    module = ir if isinstance(ir, Module) else split_module(ir)
    debug_info = read_debug_info(module)
    stencils = {}
    for name in stencil_names(module):
        source = debug_info.stencils.get(name)
        stencils[name] = (
            StencilFact(name, source.position.file, source.position.line) if source else StencilFact(name, "", 0)
        )
    state: tuple[StateParameter, ...] = ()
    first = next(iter(stencils), None)
    if first is not None:
        kinds = _kinds(module.functions[first].split("\n", 1)[0])
        declared = debug_info.stencils[first].parameters if first in debug_info.stencils else ()
        state = tuple(
            StateParameter(declared[number].name, declared[number].type, kind)
            if number < len(declared)
            else StateParameter("", "", kind)
            for number, kind in enumerate(kinds)
        )
    functions = {unquote(name): False for name in module.globals}
    functions |= {unquote(name): True for name in (*module.declarations, *module.functions)}
    return Facts(module, stencils, state, debug_info.structures, debug_info.holes, functions)


def _kinds(header: str) -> str:
    start = header.index("(", header.index("@"))
    parameters = split_top(header[start + 1 : closing(header, start)])
    return "".join({"double": "d", "float": "f"}.get(piece.split(" ", 1)[0], "i") for piece in parameters)
