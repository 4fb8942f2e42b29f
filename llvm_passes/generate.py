"""The whole way of one chunk of functions through LLVM; runs in a worker process."""

from __future__ import annotations

import re

import llvmlite.binding as llvm

from llvm_passes import backend
from llvm_passes.assembly import data_used_by, split_assembly
from llvm_passes.callees import callees_of
from llvm_passes.codegen import CompiledFunction, CompileOptions
from llvm_passes.cold import mark
from llvm_passes.expression import SymbolAddress, walk
from llvm_passes.fold import FoldOptions, conditions, fold_into, function_spans, with_declarations
from llvm_passes.leftovers import has_leftovers, has_memory_base
from llvm_passes.symbols import SYMBOL_PREFIX, JitSymbol, SymbolTable

_SYMBOL = re.compile(rf"{SYMBOL_PREFIX}\w+")


def generate(text: str, names: tuple[str, ...], options: CompileOptions) -> list[CompiledFunction]:
    """Compile the functions `names` of a module without debug information. Raises backend.LlvmError."""
    backend.check_options()
    marked = mark(backend.name_values(text))
    module, symbols = fold_and_clean(marked, options.fold)
    cleaned = str(module)
    assembly, data = split_assembly(backend.emit(module))
    before = {name: marked[start:end] for start, end, name in function_spans(marked)}
    after = {name: cleaned[start:end] for start, end, name in function_spans(cleaned)}
    direct, indirect = callees_of(cleaned, after)
    compiled = []
    for name in names:
        used = dict.fromkeys(_SYMBOL.findall(assembly[name]))
        compiled.append(
            CompiledFunction(
                name,
                _readable(before[name]),
                _readable(after[name]),
                assembly[name],
                {symbol: symbols[symbol] for symbol in used},
                data_used_by([*_addresses(symbols, used), assembly[name]], data),
                direct[name],
                indirect[name],
                conditions(after[name], symbols),
            )
        )
    return compiled


def fold_and_clean(text: str, options: FoldOptions) -> tuple[llvm.ModuleRef, dict[str, JitSymbol]]:
    """A module of named values, folded and cleaned up, and its symbols; a second time for what the clean-up left over."""
    tables: dict[str, SymbolTable] = {}
    unfinished: set[str] | None = None  # all; a function's way must not depend on its neighbours
    for _ in range(_ROUNDS):
        text = fold_into(text, options, tables, unfinished)
        symbols = {name: symbol for table in tables.values() for name, symbol in table.symbols.items()}
        module = backend.clean_up(with_declarations(text, symbols), unfinished)
        text = str(module)
        unfinished = {name for start, end, name in function_spans(text) if has_leftovers(text[start:end])}
        if not unfinished:
            break
    if has_memory_base(text):
        raise RuntimeError(f"memory is accessed through a symbol after {_ROUNDS} rounds of folding:\n{text}")
    return module, symbols


_ROUNDS = 4
"""Two do for all that has been seen. Arithmetic left after the last round is correct, only longer."""


def _readable(text: str) -> str:
    """A function's text without what only makes sense beside its neighbours: numbers of attributes and metadata."""
    return re.sub(r"(?:,? ![a-z_.]+ !\d+)+| #\d+(?=[ ,]|$)", "", text, flags=re.M)


def _addresses(symbols: dict[str, JitSymbol], used: dict[str, None]) -> list[str]:
    """The names whose addresses the used symbols' expressions hold."""
    return [node.name for name in used for node in walk(symbols[name].expression) if isinstance(node, SymbolAddress)]
