"""The whole way of one chunk of functions through LLVM; runs in a worker process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from llvm_passes import backend
from llvm_passes.assembly import DataObject, data_used_by, split_assembly
from llvm_passes.callees import callees_of
from llvm_passes.codegen import CompiledFunction, CompileOptions, Decision
from llvm_passes.cold import mark
from llvm_passes.decisions import left_over
from llvm_passes.expression import SymbolAddress, walk
from llvm_passes.fold import function_spans, layout_of
from llvm_passes.last_values import LastValues, Place, defer
from llvm_passes.static_depth import DECLARATION, Movement, with_static_depth
from llvm_passes.symbols import SYMBOL_PREFIX, JitSymbol
from llvm_passes.text import NAME
from llvm_passes.undo import may_undo, undone
from llvm_passes.versions import Level, Version, make_versions

_SYMBOL = re.compile(rf"{SYMBOL_PREFIX}\w+")


def generate(text: str, names: tuple[str, ...], options: CompileOptions) -> list[CompiledFunction]:
    """Compile the functions `names` of a module without debug information. Raises backend.LlvmError."""
    backend.check_options()
    marked = mark(backend.name_values(text), options.split)
    last: dict[str, LastValues] = {}
    if options.places:
        marked, last = _put_off(marked, options.places)
    movements: dict[str, Movement] = {}
    if options.stack is not None:
        marked, movements = _let_stand(marked, names, options.stack)
    levels = list(make_versions(marked, options.fold, options.version_limit))
    compiled = {
        name: replace(function, last=last.get(function.name), movement=movements.get(function.name))
        for number, level in enumerate(levels)
        for name, function in _compile(level, number == 0)
    }
    return [_with_decision(levels[0].versions[name], compiled) for name in names]


def _put_off(text: str, places: Sequence[Place]) -> tuple[str, dict[str, LastValues]]:
    """A module whose functions put off their stores to declared places, and what each does to these."""
    layout = layout_of(text)
    groups = {match[1]: match[2] for match in re.finditer(r"^attributes (#\d+) = \{(.*)\}$", text, re.M)}
    for match in re.finditer(rf"^declare [^@\n]*@({NAME})\(.*$", text, re.M):
        groups[f"@{match[1]}"] = " ".join([match[0], *(groups.get(word, "") for word in re.findall(r"#\d+", match[0]))])
    found: dict[str, LastValues] = {}
    pieces, position = [], 0
    for start, end, name in function_spans(text):
        function, found[name] = defer(text[start:end], layout, places, groups)
        pieces += [text[position:start], function]
        position = end
    return "".join([*pieces, text[position:]]), found


def _let_stand(text: str, names: Sequence[str], parameter: int) -> tuple[str, dict[str, Movement]]:
    """A module in which these functions leave the stack pointer where it is, and by how much each would have moved it."""
    layout = layout_of(text)
    movements: dict[str, Movement] = {}
    pieces, position = [], 0
    for start, end, name in function_spans(text):
        if name in names:
            function, movements[name] = with_static_depth(text[start:end], parameter, layout)
            pieces += [text[position:start], function]
            position = end
    return "".join([*pieces, text[position:], DECLARATION]), movements


def _compile(level: Level, is_first: bool) -> list[tuple[str, CompiledFunction]]:
    """The code of a level's versions. Those that others took the place of need none, but for the functions themselves."""
    if not is_first:
        for function in level.module.functions:
            if function.name in level.versions and level.versions[function.name].test is not None:
                function.linkage = "available_externally"
    module = backend.parse(undone(str(level.module))) if may_undo(level.text) else level.module
    assembly, data = split_assembly(backend.emit(module))
    wanted = {name: version for name, version in level.versions.items() if name in assembly}
    direct, indirect = callees_of(level.text, {name: version.folded for name, version in wanted.items()})
    compiled = []
    for name, version in wanted.items():
        own, own_data = _own_names(version, assembly[name], data)
        used = dict.fromkeys(_SYMBOL.findall(own))
        compiled.append(
            (
                name,
                CompiledFunction(
                    version.family.name,
                    _readable(version.text),
                    _readable(version.folded),
                    own,
                    {symbol: version.symbols[symbol] for symbol in used},
                    data_used_by([*_addresses(version.symbols, used), own], own_data),
                    direct[name],
                    indirect[name],
                    left_over(version.folded, version.symbols),
                    said=version.said,
                    lost=version.lost,
                ),
            )
        )
    return compiled


def _with_decision(version: Version, compiled: dict[str, CompiledFunction]) -> CompiledFunction:
    function = compiled[version.name]
    decision = _tree(version, compiled)
    return function.deciding(decision if isinstance(decision, Decision) else None, tuple(version.family.promises))


def _tree(version: Version, compiled: dict[str, CompiledFunction]) -> CompiledFunction | Decision:
    if version.test is not None:
        assert version.yes is not None and version.no is not None
        return Decision(version.test, _tree(version.yes, compiled), _tree(version.no, compiled))
    if version.if_small is not None:
        assert version.small is not None
        return Decision(version.if_small, _tree(version.small, compiled), compiled[version.name], optional=True)
    return compiled[version.name]


def _own_names(version: Version, assembly: str, data: dict[str, DataObject]) -> tuple[str, dict[str, DataObject]]:
    """A version's assembly and data under its function's name."""
    if version.name == version.family.name:
        return assembly, data
    name = re.compile(rf"{re.escape(version.name)}(?!\d)")

    def renamed(text: str) -> str:
        return name.sub(version.family.name, text)

    own = {
        renamed(label): DataObject(renamed(label), item.section, item.alignment, renamed(item.assembly))
        for label, item in data.items()
        if not label.startswith(".LCPI_") or version.name in label
    }
    return renamed(assembly), own


def _readable(text: str) -> str:
    """A function's text without what only makes sense beside its neighbours: numbers of attributes and metadata."""
    return re.sub(r"(?:,? ![a-z_.]+ !\d+)+| #\d+(?=[ ,]|$)", "", text, flags=re.M)


def _addresses(symbols: dict[str, JitSymbol], used: dict[str, None]) -> list[str]:
    """The names whose addresses the used symbols' expressions hold."""
    return [node.name for name in used for node in walk(symbols[name].expression) if isinstance(node, SymbolAddress)]
