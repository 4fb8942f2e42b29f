"""What a stencil cannot contain, told with file, line, cause and remedy.

A stencil's code is copied between others: it has no frame, no data and no unwinding of its own. Most of what breaks
that is visible in the IR, one line at a time; the table below lists it. Inline assembly passes: whether it fits is
known only once it has been parsed as machine code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from llvm_passes.effects import unknown_operands
from llvm_passes.holes import CONTINUE, EXIT, HOLE_PREFIX, LABEL_PREFIX, split_name
from llvm_passes.layout import Layout, integer_bits
from llvm_passes.metadata import Metadata
from llvm_passes.module import Module
from llvm_passes.text import NAME, closing, global_references, split_top, unquote

MAXIMUM_INTEGERS = 12
MAXIMUM_FLOATS = 8
MAXIMUM_ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a stencil cannot contain: where, what it is and why not, what to do instead."""

    file: str
    line: int
    stencil: str
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file or "?"
        return f"{where}: stencil {self.stencil}: {self.what}\n  → {self.remedy}"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line that matches `pattern` is a problem, unless `unless` matches too."""

    pattern: re.Pattern[str]
    what: str
    remedy: str
    unless: re.Pattern[str] | None = None


_ENDS = rf"(?:{CONTINUE}|{EXIT}|{LABEL_PREFIX}\w+)"

_RULES = (
    _Rule(
        re.compile(r" = alloca .*?, i\d+ %|call .*@llvm\.stack(?:save|restore)"),
        "has a local of variable size, which the shared frame has no room for",
        "give it a fixed size, or move the code into a VM function",
    ),
    _Rule(
        re.compile(rf"call [^(]*@{_ENDS}\("),
        "hands the state on by an ordinary call, so control would come back to it",
        "end with CONTINUE(), SIDE_EXIT() or JUMP(label), which make it a tail call",
        unless=re.compile(r"musttail call "),
    ),
    _Rule(
        re.compile(r"^  ret i64 (?:undef|poison)\b"),
        "can reach its end without saying how the trace goes on",
        "end every path with CONTINUE(), SIDE_EXIT(), JUMP(label), RETURN(value) or TAIL_CALL(function)",
    ),
    _Rule(
        re.compile(r"^  indirectbr |blockaddress\("),
        "uses a computed goto, whose label addresses do not exist in emitted code",
        "use if or switch",
    ),
    _Rule(
        re.compile(r"^  (?:%\S+ = )?invoke |= landingpad |^  resume |^  (?:%\S+ = )?callbr "),
        "uses exceptions or asm goto, which need tables that emitted code has not",
        "compile with -fno-exceptions, or move the code into a VM function",
    ),
    _Rule(
        re.compile(r"call [^(]*@(?:_?_?(?:sig)?setjmp|vfork|getcontext)\("),
        "calls a function that returns twice, which needs a frame of its own",
        "move the code into a VM function",
    ),
)

_DEFINE = re.compile(rf"^define (.*?)@({NAME})\(")
_ALLOCA = re.compile(r" = alloca (?!.*, i\d+ %).*")
_ALIGNMENT = re.compile(r", align (\d+)")
_CALLEE = re.compile(rf"call [^@\"]*@({NAME})\(")
_WEAK_DECLARATION = re.compile(r"declare (?:!dbg !\d+ )?extern_weak ")


def check(module: Module, stencils: Iterable[str] | None = None, holes: Collection[str] | None = None) -> list[Problem]:
    """The problems of the named stencils (all that the module exports with `preserve_none`, if None), in source order.

    `holes` are the configured names; None accepts all. `module` still has its debug information.
    """
    names = stencil_names(module) if stencils is None else list(stencils)
    checker = _Checker(module, holes)
    problems = [problem for name in names for problem in checker.problems(name)]
    return list(dict.fromkeys(checker.file_scope_problems(names) + problems))


def stencil_names(module: Module) -> list[str]:
    """The functions that are stencils: external, `preserve_none`."""
    return [
        name
        for name, text in module.functions.items()
        if " preserve_nonecc " in (header := text.split("\n", 1)[0]) and not header.startswith("define internal ")
    ]


class _Checker:
    def __init__(self, module: Module, holes: Collection[str] | None) -> None:
        self.module = module
        self.holes = holes
        self.metadata = Metadata(module.metadata)
        self.twice = {group for group, text in module.attributes.items() if re.search(r"\breturns_twice\b", text)}

    def file_scope_problems(self, names: list[str]) -> list[Problem]:
        """Assembly outside functions belongs to no stencil and has no line: it is told of the first one."""
        if not self.module.file_scope_assembly or not names:
            return []
        start = self.metadata.position(self.module.functions[names[0]].split("\n", 1)[0])
        return [
            Problem(
                start.file,
                0,
                unquote(names[0]),
                "stands in a source with assembly outside functions, which emitted code cannot carry",
                "move it into the VM",
            )
        ]

    def problems(self, name: str) -> Iterator[Problem]:
        text = self.module.functions[name]
        header, *lines = text.split("\n")
        stencil = unquote(name)
        start = self.metadata.position(header)
        nearest = header  # some instructions have no position: the last one before them that has will do

        def problem(attached: str, what: str, remedy: str) -> Problem:
            position = self.metadata.position(attached if "!dbg" in attached else nearest)
            position = position if position.line else start
            return Problem(position.file, position.line, stencil, what, remedy)

        yield from (Problem(start.file, start.line, stencil, *found) for found in _signature(header))
        in_entry = True
        for line in lines:
            if line.startswith("    #dbg"):
                continue
            nearest = line if "!dbg" in line else nearest
            in_entry = in_entry and (line.startswith("  ") or not line)
            for rule in _RULES:
                if rule.pattern.search(line) and not (rule.unless and rule.unless.search(line)):
                    yield problem(line, rule.what, rule.remedy)
            for found in self._line(line, in_entry):
                yield problem(*found)
        for line, word in unknown_operands(text, Layout(self.module.types)):
            yield problem(line, f"{_WORDS[word]}: {_UNKNOWN_LOCATION}", _LOCATION_REMEDY)

    def _line(self, line: str, in_entry: bool) -> Iterator[tuple[str, str, str]]:
        """(text with the position, what, remedy) for what needs more than a pattern."""
        if _ALLOCA.search(line):
            alignment = _ALIGNMENT.search(line)
            if alignment and int(alignment[1]) > MAXIMUM_ALIGNMENT:
                yield (
                    line,
                    f"has a local aligned to {alignment[1]} bytes; the shared frame is aligned to {MAXIMUM_ALIGNMENT}",
                    "lower the alignment, or move the code into a VM function",
                )
            if not in_entry:
                yield line, *_VARIABLE_SIZE
        if "@" not in line:
            return
        called = _CALLEE.search(line)
        for token in dict.fromkeys(global_references(line)):
            if token.startswith("llvm."):
                continue
            yield from self._reference(line, token, is_called=called is not None and called[1] == token)

    def _reference(self, line: str, token: str, *, is_called: bool) -> Iterator[tuple[str, str, str]]:
        name = unquote(token)
        if name.startswith((HOLE_PREFIX, LABEL_PREFIX)):
            yield from self._hole(line, name)
        elif token in self.module.globals:
            yield from self._variable(line, token, self.module.globals[token])
        elif token in self.module.functions:
            header = self.module.functions[token].split("\n", 1)[0]
            if header.startswith(("define internal ", "define private ")):
                yield (
                    line,
                    f"uses the static function {name}, which the compiler did not inline",
                    "make it `static inline __attribute__((always_inline))`, or a VM function with external linkage",
                )
            elif re.match(r"define (?:weak|linkonce)", header):
                yield line, f"uses the weak function {name}, whose address may be null", _WEAK_REMEDY
            elif not header.startswith("define available_externally "):
                yield (
                    line,
                    f"uses {name}, which the stencils' own source defines, so that the VM does not have it",
                    "make it `static inline __attribute__((always_inline))`, or define it in the VM",
                )
        elif token in self.module.declarations:
            yield from self._function(line, name, self.module.declarations[token], is_called)

    def _hole(self, line: str, name: str) -> Iterator[tuple[str, str, str]]:
        hole = name.removeprefix(LABEL_PREFIX) if name.startswith(LABEL_PREFIX) else split_name(name)[1]
        if self.holes is not None and hole not in self.holes:
            known = ", ".join(sorted(self.holes)) or "none"
            yield (
                line,
                f"uses the hole {hole}, which is not configured",
                f"correct its name, or add it to [holes] (there: {known})",
            )

    def _variable(self, line: str, token: str, definition: str) -> Iterator[tuple[str, str, str]]:
        name = unquote(token)
        kind = definition.split(" = ", 1)[1]
        if "thread_local" in kind and "thread_local(localexec)" not in kind:
            yield (
                line,
                f"uses the thread-local variable {name} in a model that needs a call",
                'keep it in the machine state, or declare it __attribute__((tls_model("local-exec")))',
            )
        if re.match(r"(?:extern_)?weak ", kind):
            yield line, f"uses the weak variable {name}, whose address may be null", _WEAK_REMEDY
        elif re.search(r"(?:^|\s)global ", kind.split("=", 1)[0]) and not re.match(r"external ", kind):
            position = definition if "!dbg" in definition else line
            yield (
                position,
                f"uses the variable {name}, which the stencils define themselves, so that the VM does not have it",
                "define it in the VM and declare it extern here",
            )
        elif kind.startswith("external ") and not _is_local(kind) and "thread_local" not in kind:
            yield line, f"uses {name} through a table of addresses", _PIC_REMEDY

    def _function(self, line: str, name: str, declaration: str, is_called: bool) -> Iterator[tuple[str, str, str]]:
        group = declaration.rsplit("#", 1)
        if len(group) == 2 and f"#{group[1].split()[0]}" in self.twice:
            yield line, f"calls {name}, which returns twice and needs a frame of its own", _MOVE_REMEDY
        if _WEAK_DECLARATION.match(declaration):
            yield line, f"uses the weak function {name}, whose address may be null", _WEAK_REMEDY
        elif not is_called and not _is_local(declaration):
            yield line, f"takes the address of {name} from a table of addresses", _PIC_REMEDY


# what stencil.h calls each question and effect
_WORDS = {
    "holds": "HOLDS", "trust": "HOLDS", "is_constant": "IS_CONSTANT", "constant": "VALUE_AT", "learn": "LEARN",
    "learn_of_value": "LEARN_OF_VALUE", "learn_constant": "LEARN_CONSTANT", "unlearn": "UNLEARN", "forget": "FORGET",
    "copy": "COPY_FACTS", "exchange": "EXCHANGE_FACTS", "unlearn_everywhere": "UNLEARN_EVERYWHERE",
    "forget_from": "FORGET_FROM", "forget_all": "FORGET_ALL", "shift": "SHIFT_LOCATIONS", "shift_stack": "SHIFT_STACK",
}  # fmt: skip
_UNKNOWN_LOCATION = "its location, or the value it tells, is not known when a trace is assembled"
_LOCATION_REMEDY = "compute it from holes and constants alone; where it depends on what runs, write FORGET_ALL()"

_VARIABLE_SIZE = (_RULES[0].what, _RULES[0].remedy)
_MOVE_REMEDY = "move the code into a VM function"
_WEAK_REMEDY = "call it from a VM function that tests for null, or make it strong"
_PIC_REMEDY = "compile the stencils with -fno-pic, or give it hidden visibility"


def _is_local(declaration: str) -> bool:
    return bool(re.search(r"\b(?:dso_local|hidden|protected)\b", declaration.split("@", 1)[0])) or bool(
        re.match(r"external (?:dso_local|hidden|protected)\b", declaration)
    )


def _signature(header: str) -> Iterator[tuple[str, str]]:
    """(what, remedy) for each fault of a stencil's parameters and result."""
    match = _DEFINE.match(header)
    assert match is not None
    # what LLVM knows of the result may stand between: `noundef range(i64 0, 256)`
    if not re.search(r"\bpreserve_nonecc (?:\w+(?:\([^()]*\))? )*i64$", match[1].rstrip()):
        yield "is not a preserve_none function that returns a 64-bit integer", "declare it with STENCIL(name)"
    pieces = split_top(header[match.end() : closing(header, match.end() - 1)])
    integers = floats = 0
    for number, piece in enumerate(pieces, start=1):
        type_text = piece[: closing(piece, 0) + 1] if piece[0] in "[{<" else piece.split(" ", 1)[0]
        if piece == "...":
            yield "has variable arguments", "name every part of the state"
        elif " byval(" in piece or " sret(" in piece or " inalloca(" in piece:
            yield f"passes parameter {number} of the state in memory", "pass a pointer to it"
        elif type_text in ("double", "float"):
            floats += 1
        elif (bits := integer_bits(type_text)) is not None and bits >= 32:
            integers += 1
        elif bits is not None:
            yield (
                f"has parameter {number} of {bits} bits in its state, which preserve_none does not pass in a state register",
                "give it the type int or a wider one",
            )
        else:
            yield (
                f"has parameter {number} of type {type_text}, which no state register holds",
                "use integers of up to 64 bits, pointers, float and double",
            )
    if integers > MAXIMUM_INTEGERS:
        yield (
            f"has {integers} integers and pointers in its state; there are {MAXIMUM_INTEGERS} registers for them",
            "keep the others in a structure that the state points to",
        )
    if floats > MAXIMUM_FLOATS:
        yield (
            f"has {floats} floats and doubles in its state; there are {MAXIMUM_FLOATS} registers for them",
            "keep the others in a structure that the state points to",
        )
