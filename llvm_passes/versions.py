"""Versions: one function compiled several times, each time knowing more of its holes.

    F  ── oparg == 0? ──┬── yes: F.v1
                        └── no:  F.v2 ── does operand fit 32 bits? ──┬── yes: F.v3
                                                                     └── no:  F.v4

The key idea: the folded text of a version says which test would help most (`decisions`). Its two outcomes are two more
versions, made from the text before folding, and so on until no test is left or there are enough. All versions of
the same depth, of all functions, go through LLVM as one module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce

import llvmlite.binding as llvm

from llvm_passes import backend
from llvm_passes.assumptions import asks_facts, has_assumptions, take_assumptions
from llvm_passes.decisions import narrowness_test, next_test
from llvm_passes.effects import (
    ASSUME,
    Effect,
    Reading,
    UnknownLocation,
    mentions_facts,
    read,
    without_facts,
)
from llvm_passes.expression import Const, ExpressionTooLarge, JitExpr, Operation, operation
from llvm_passes.fold import FoldOptions, fold_into, function_spans, layout_of, with_declarations
from llvm_passes.holes import QUESTION_PREFIX
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.leftovers import has_decided, has_leftovers, has_memory_base
from llvm_passes.specialize import specialize
from llvm_passes.symbols import JitSymbol, SymbolTable
from llvm_passes.text import NAME, unquote


@dataclass(slots=True)
class Family:
    """A function and its versions. Grows while they are made.

    leaves: how many versions need code now; made: how many there were, for names; promises: of one bit each, what its author
    assumes, and some version relies on.
    """

    name: str
    leaves: int = 1
    made: int = 0
    promises: dict[JitExpr, None] = field(default_factory=dict)

    def fresh_name(self) -> str:
        self.made += 1
        return f"{self.name}.v{self.made}"


@dataclass(slots=True)
class Version:
    """A function under some knowledge. `text` is its IR before folding, `folded` after; `symbols` as in `folded`.

    path: what has been tested, and came out as 1, on the way to it.
    test, yes, no: what the emit function asks next, and the versions for the answers; it has no need of this one then.
    if_small, small: a test under which another version may be shorter; this one serves in any case.
    said, lost: what it says about facts when it goes on, and what it takes back when it jumps; reading: where from (`effects`).
    """

    name: str
    family: Family
    text: str
    knowledge: Knowledge
    path: tuple[JitExpr, ...] = ()
    folded: str = ""
    symbols: dict[str, JitSymbol] = field(default_factory=dict)
    test: JitExpr | None = None
    yes: Version | None = None
    no: Version | None = None
    if_small: JitExpr | None = None
    small: Version | None = None
    said: tuple[Effect, ...] = ()
    lost: tuple[Effect, ...] = ()
    reading: Reading | None = None

    def knowing(self, name: str, test: JitExpr, outcome: int) -> Version:
        """The version that knows besides how a test comes out."""
        path = (*self.path, test if outcome else _negated(test))
        return Version(name, self.family, _renamed(self.text, name), self.knowledge.assuming(test, outcome), path)

    def relying_on(self, promises: Iterable[JitExpr]) -> None:
        """Know what its author promises. Where that does not follow from what is known, the emit function verifies it. Behind a
        question about facts it may stand in code that never runs, and says nothing.
        """
        if any(map(asks_facts, self.path)):
            return
        for promise in promises:
            if self.knowledge.value(promise) == 1:
                continue
            try:
                verified = reduce(lambda a, b: operation("and", 1, a, b), self.path) if self.path else None
                verified = promise if verified is None else operation("or", 1, _negated(verified), promise)
            except ExpressionTooLarge:
                continue
            self.family.promises[verified] = None
            self.knowledge = self.knowledge.assuming(promise, 1)


@dataclass(frozen=True, slots=True)
class Level:
    """All versions of one depth as one module, folded; `text` is its text, `versions` by name."""

    module: llvm.ModuleRef
    text: str
    versions: dict[str, Version]


def make_versions(marked: str, options: FoldOptions, limit: int) -> Iterator[Level]:
    """Fold every function of a module whose values have names, and its versions, at most `limit` of each function.

    The first level holds the functions themselves. Raises backend.LlvmError.
    """
    text = marked
    versions = [Version(name, Family(name), "", options.knowledge) for _, _, name in function_spans(marked)]
    while versions:
        level = _level(text, {version.name: version for version in versions}, options.expressions)
        layout = layout_of(text)
        following = [successor for version in versions for successor in _successors(version, layout, limit)]
        yield level
        if following:
            bodies = (specialize(version.text, layout, version.knowledge) for version in following)
            text = _with_functions(text, bodies)
            if "@llvm.assume(" in text and ASSUME not in text:
                text += f"{ASSUME}\n"
            text = backend.optimize(text)
        versions = following


def _level(text: str, versions: dict[str, Version], expressions: bool) -> Level:
    """Fold a module that holds these versions."""
    text = _without_assumptions(text, versions)
    if mentions_facts(text):
        text = _without_facts(text, versions)
    tables = {name: SymbolTable(name, version.knowledge) for name, version in versions.items()}
    module, _ = fold_and_clean(text, FoldOptions(expressions=expressions), tables)
    folded = str(module)
    for start, end, name in function_spans(folded):
        versions[name].folded = folded[start:end]
        if f"@{QUESTION_PREFIX}" in folded[start:end]:
            raise backend.LlvmError(f"{versions[name].family.name}: a question about facts is too large to ask in C")
        versions[name].symbols = tables[name].symbols
    return Level(module, folded, versions)


def _without_facts(text: str, versions: dict[str, Version]) -> str:
    """The module's text without effects, which the versions remember."""
    layout, bodies = layout_of(text), []
    for version in versions.values():
        try:
            version.reading = read(version.text, layout, version.knowledge)
            version.said, version.lost = version.reading.effects() if version.reading else ((), ())
        except UnknownLocation as error:
            raise backend.LlvmError(f"{version.family.name}: {error} is not known when a trace is assembled") from None
    for start, end, _ in function_spans(text):
        bodies.append(without_facts(text[start:end]))
    return _with_functions(text, iter(bodies))


def _without_assumptions(text: str, versions: dict[str, Version]) -> str:
    """The module's text, and that of each version, after what it assumes of JIT-time values became knowledge."""
    layout = layout_of(text)
    bare = []
    for start, end, name in function_spans(text):
        version = versions[name]
        version.text = text[start:end]
        bare.append(version.text)
        if has_assumptions(version.text):
            taken = take_assumptions(version.text, layout)
            version.text, bare[-1] = taken.text, taken.bare
            version.relying_on(taken.promises)
    return _with_functions(text, iter(bare))


def _negated(test: JitExpr) -> JitExpr:
    match test:
        case Operation("xor", 1, (operand, Const(1, 1))):
            return operand
    return operation("xor", 1, test, Const(1, 1))


def _successors(version: Version, layout: Layout, limit: int) -> Iterator[Version]:
    """The versions for the outcomes of the test that helps most, if any does and there may be one more."""
    family = version.family
    if family.leaves == limit:
        return
    test = next_test(version.folded, version.symbols, version.knowledge)
    if test is None and version.reading is not None:
        test = version.reading.condition()
    if test is not None:
        outcomes = [(family.fresh_name(), 1), (family.fresh_name(), 0)]
        version.yes, version.no = (version.knowing(name, test, outcome) for name, outcome in outcomes)
        version.test = test
        yield from (version.yes, version.no)
    elif test := narrowness_test(version.folded, version.symbols, version.knowledge):
        version.if_small, version.small = test, version.knowing(family.fresh_name(), test, 1)
        yield version.small
    family.leaves += test is not None


def _renamed(text: str, name: str) -> str:
    """A function's text as the definition of `name`."""
    head, newline, body = text.partition("\n")
    token = name if re.fullmatch(r"[-a-zA-Z$._][-a-zA-Z$._0-9]*", name) else f'"{unquote(name)}"'
    return re.sub(rf"@{NAME}\(", f"@{token}(", head, count=1) + newline + body


def _with_functions(text: str, functions: Iterator[str]) -> str:
    """A module's text with other functions in place of its own."""
    pieces, position = [], 0
    for start, end, _ in function_spans(text):
        pieces.append(text[position:start])
        position = end
    if not pieces:
        return text
    return "\n".join([pieces[0], *functions, *pieces[1:], text[position:]])


def fold_and_clean(
    text: str, options: FoldOptions, tables: dict[str, SymbolTable] | None = None
) -> tuple[llvm.ModuleRef, dict[str, JitSymbol]]:
    """A module of named values, folded and cleaned up, and its symbols; a second time for what the clean-up left over."""
    tables = {} if tables is None else tables
    unfinished: set[str] | None = None  # all; a function's way must not depend on its neighbours
    for _ in range(_ROUNDS):
        text = fold_into(text, options, tables, unfinished)
        symbols = {name: symbol for table in tables.values() for name, symbol in table.symbols.items()}
        module = backend.clean_up(with_declarations(text, symbols), unfinished)
        text = str(module)
        unfinished = {
            name
            for start, end, name in function_spans(text)
            if has_leftovers(text[start:end]) or (name in tables and has_decided(text[start:end], tables[name]))
        }
        if not unfinished:
            break
    if has_memory_base(text):
        raise RuntimeError(f"memory is accessed through a symbol after {_ROUNDS} rounds of folding:\n{text}")
    return module, symbols


_ROUNDS = 4
"""Two do for all that has been seen. Arithmetic left after the last round is correct, only longer."""
