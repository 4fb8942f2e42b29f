"""stencilgen.toml: what the VM author tells us about the VM.

One idea: the configuration says where the emit functions find things in the VM's *own* data structures, so that the
VM never has to copy its instructions into ours. Everything else has a default.

    [stencils]
    sources = ["stencils.c"]              # C files that hold STENCIL(...) definitions
    include = ["include"]                 # more directories for #include
    flags   = ["-DNDEBUG"]                # more flags for clang
    [instruction]                         # what one element of a trace looks like
    type    = "Instruction"               # its C type ...
    header  = "vm.h"                      # ... and the header that declares it
    opcode  = "instruction->opcode"       # C expression: which stencil (default as shown)
    names   = "OP_{}"                     # the VM's constant for a stencil's name (default: an enum in the generated header)
    [holes]
    oparg   = { value = "instruction->oparg", type = "uint16_t", range = [0, 255] }
    operand = { value = "instruction->operand", multiple_of = 16 }       # range, multiple_of: verified in the emit function
    target  = { value = "instruction->target", kind = "label" }
    [versions]                            # code for the case that a hole is 0, or small, and so on: chosen in the emit function
    limit   = 16                          # of versions that a stencil may have; 1 for none (default as shown)
    [code]                                # parts of the code generator; without them code is right, but longer: to measure them
    fold    = true                        # what is computed from holes is computed when a trace is compiled
    split   = true                        # rare code goes apart from the rest
    share   = true                        # rare code that micro-ops have in common is there once, and called: shorter, but slower
    [stack]                               # an operand stack whose topmost entries may be kept in registers (default: none)
    pointer = "sp"                        # the state parameter that points at its first free entry; it grows upwards
    registers = 3                         # entries in registers at most; 0 for none
    depth = "dynamic"                     # or "static": the pointer stays where it is, a trace knows how deep the stack is
    escapes = ["vm_collect"]              # functions that look at the stack without being handed a pointer into it
    [superstencils]                       # for sequences of micro-ops that are fused (default: none)
    operands = ["d", "a", "b"]            # holes that number places: it matters which of a sequence's are equal
    [facts]                               # what micro-ops find out and tell those behind them (see stencil.h; default: none)
    names = ["integer", "real"]
    [last]                                # places whose stores are put off until somebody may look (default: none)
    ip = { place = "frame->ip", blind = ["float_new"], writers = [] }   # blind: functions that neither read nor write it
    [vm]                                  # only for stencilgen.load() in Python: how to build the VM's C functions
    sources = ["vm.c"]
    flags   = ["-lm"]
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dasc.check import is_expression
from llvm_passes.ranges import Promise
from llvm_passes.static_depth import DEPTH
from stencilgen.errors import Diagnostic, UserError
from stencilgen.toolchain.cpu import CPUS, Cpu, CpuName
from stencilgen.toolchain.flags import refused_flags

__all__ = ["INTEGER_BITS", "Config", "Hole", "LastTable", "StackTable", "Target", "load_config"]

INTEGER_BITS = {f"{sign}int{bits}_t": bits for bits in (8, 16, 32, 64) for sign in ("", "u")}
"""The C types that an operand of a superstencil may have."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Expression = Annotated[str, Field(min_length=1), AfterValidator(lambda text: _one_line(text))]


def _one_line(text: str) -> str:
    """Generated lines end in comments, so an expression may neither span lines nor hold a comment."""
    if not is_expression(text.strip()):
        raise ValueError("a C expression on one line is needed, without comments and `;`, and its brackets in pairs")
    return text.strip()


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Stencils(_Table):
    sources: Annotated[list[str], Field(min_length=1)]
    include: list[str] = []
    flags: list[str] = []


class InstructionType(_Table):
    type: Annotated[str, Field(pattern=r"^((struct|union|unsigned) )?[A-Za-z_][A-Za-z0-9_]*$")]
    header: Annotated[str, Field(min_length=1)]
    opcode: Expression = "instruction->opcode"
    names: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]*\{\}[A-Za-z0-9_]*$")] | None = None


class Hole(_Table):
    """How an emit function reads one hole's value from the VM's instruction (`instruction`, a pointer to const)."""

    value: Expression
    type: str | None = None
    kind: Literal["value", "label"] = "value"
    range: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    multiple_of: Annotated[int, Field(ge=1, le=4096)] = 1

    @property
    def promise(self) -> Promise | None:
        """What emit functions may rely on, and verify."""
        if self.range:
            return Promise(self.range[0], self.range[1], self.multiple_of)
        return Promise(multiple_of=self.multiple_of) if self.multiple_of > 1 else None


class Versions(_Table):
    limit: Annotated[int, Field(ge=1, le=256)] = 16


class Code(_Table):
    """What the code generator does; left out to measure what it brings, or (share) where rare code is not that rare."""

    fold: bool = True
    split: bool = True
    share: bool = True


class StackTable(_Table):
    """The operand stack. Entries above its pointer are dead, stencils access it through the pointer alone, and where they store
    the pointer in memory, callees find the top.
    """

    pointer: Name
    slot: Literal[8] = 8
    registers: Annotated[int, Field(ge=0, le=4)] = 3
    depth: Literal["dynamic", "static"] = "dynamic"
    escapes: list[str] = []


class SuperstencilTable(_Table):
    """What sequences of micro-ops are told apart by, beside the micro-ops: which of these holes hold equal values."""

    operands: Annotated[list[Name], Field(max_length=8)] = []


class FactsTable(_Table):
    """What can be known of a location along a trace; fact number i is bit i."""

    names: Annotated[list[Name], Field(min_length=1, max_length=31)]


class LastTable(_Table):
    """A place that stencils access by this name only, an lvalue through a state parameter, and that no signal handler and no
    other thread looks at. blind: functions that neither read nor write it; writers: the only ones that write it (default: any).
    """

    place: Expression
    blind: list[str] = []
    writers: list[str] | None = None


class VirtualMachine(_Table):
    sources: list[str] = []
    include: list[str] = []
    flags: list[str] = []


class Target(_Table):
    """Which machines to build for. cpus: levels of x86-64; of those that a machine has, it takes the best."""

    cpus: Annotated[list[CpuName], Field(min_length=1)] = ["x86-64"]


class Config(_Table):
    """A whole stencilgen.toml. Paths are relative to `directory`, where the file lies."""

    path: Path
    stencils: Stencils
    instruction: InstructionType
    holes: dict[Name, Hole] = {}
    versions: Versions = Versions()
    code: Code = Code()
    stack: StackTable | None = None
    superstencils: SuperstencilTable = SuperstencilTable()
    facts: FactsTable | None = None
    last: dict[Name, LastTable] = {}
    vm: VirtualMachine = VirtualMachine()
    target: Target = Target()

    @property
    def directory(self) -> Path:
        return self.path.parent

    @property
    def sources(self) -> list[Path]:
        return [self.directory / source for source in self.stencils.sources]

    @property
    def cpus(self) -> list[Cpu]:
        """The levels to build for, the lowest first."""
        return [cpu for name, cpu in CPUS.items() if name in self.target.cpus]

    def line(self, *key: str) -> int:
        """The line of the file in which this key stands, as in `line("holes", "oparg")`; 0 when it has a default."""
        return _line_of(self.path.read_text(encoding="utf-8"), key)


def load_config(path: Path) -> Config:
    """Read and check a stencilgen.toml; UserError with its line for everything that is wrong in it."""
    if path.is_dir():
        path = path / "stencilgen.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(
            "there is no such configuration",
            file=path,
            remedy="run this in the folder of a stencilgen.toml, or name it",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the configuration: {error}", file=path) from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)$", str(error))
        line = int(place[1]) if place else len(text.splitlines())
        what = str(error).split(" (at ")[0]
        raise UserError(f"not valid TOML: {what[0].lower()}{what[1:]}", file=path, line=line) from None
    try:
        config = Config.model_validate({**table, "path": path.resolve()})
    except ValidationError as error:
        raise UserError([_diagnostic(path, text, dict(item)) for item in error.errors()]) from None
    problems = list(_check(config, path, text))
    if problems:
        raise UserError(problems)
    return config


def _check(config: Config, path: Path, text: str) -> list[Diagnostic]:
    """What the types cannot say: files that must exist, flags that stencils do not stand, ranges that must be in order."""
    problems = []
    for index, source in enumerate(config.sources):
        if not source.is_file():
            line = _line_of(text, ("stencils", "sources", index))
            problems.append(
                Diagnostic(
                    f"there is no file '{config.stencils.sources[index]}'", "correct stencils.sources", path, line
                )
            )
    for refused in refused_flags(config.stencils.flags):
        line = _line_of(text, ("stencils", "flags"))
        problems.append(Diagnostic(f"the flag {refused.flag}: {refused.why}", refused.remedy, path, line))
    problems += _check_target(config, path, text)
    problems += _check_operands(config, path, text)
    problems += _check_stack(config, path, text)
    names = config.facts.names if config.facts else []
    for name in sorted({name for name in names if names.count(name) > 1}):
        what = f"the fact '{name}' is listed twice"
        problems.append(Diagnostic(what, "name each once", path, _line_of(text, ("facts", "names"))))
    for name in list(config.last)[_MOST_PLACES:]:
        what = f"'{name}' is the place number {_MOST_PLACES + 1} in [last]"
        problems.append(Diagnostic(what, f"declare at most {_MOST_PLACES}", path, _line_of(text, ("last", name))))
    for name, hole in config.holes.items():
        if hole.range and not (-(2**63) <= hole.range[0] <= hole.range[1] < 2**64):
            line = _line_of(text, ("holes", name))
            what = f"hole '{name}': range [{hole.range[0]}, {hole.range[1]}] is not lowest, highest within 64 bits"
            problems.append(Diagnostic(what, "give the lowest and the highest value, in this order", path, line))
        if hole.multiple_of & (hole.multiple_of - 1):
            what = f"hole '{name}': multiple_of = {hole.multiple_of} is no power of two"
            remedy = "give the largest power of two that divides every value"
            problems.append(Diagnostic(what, remedy, path, _line_of(text, ("holes", name))))
        if hole.multiple_of > 1 and hole.type in ("double", "float"):
            what, remedy = f"hole '{name}': multiple_of is for integers and pointers", "remove it"
            problems.append(Diagnostic(what, remedy, path, _line_of(text, ("holes", name))))
        if hole.promise and hole.kind == "label":
            problems.append(
                Diagnostic(
                    f"hole '{name}': a label has no {'range' if hole.range else 'multiple_of'}",
                    "remove it: every label is checked against the trace",
                    path,
                    _line_of(text, ("holes", name)),
                )
            )
    return problems


_MOST_PLACES = 4
"""SG_MAX_LAST of runtime/include/stencilgen/jit.h."""


def _check_stack(config: Config, path: Path, text: str) -> Iterator[Diagnostic]:
    if config.stack is None:
        return
    if config.stack.depth == "static" and DEPTH in config.holes:
        what = f"the hole '{DEPTH}' has the name of the one that holds the depth of the stack"
        yield Diagnostic(what, "call it something else", path, _line_of(text, ("holes", DEPTH)))
    if config.stack.registers == 0 and config.stack.depth == "dynamic":
        remedy = 'set registers to 1 or more, or depth to "static"; or remove the table'
        yield Diagnostic("[stack] asks for nothing", remedy, path, _line_of(text, ("stack", "registers")))


def _check_target(config: Config, path: Path, text: str) -> Iterator[Diagnostic]:
    march = [flag for flag in config.stencils.flags if flag.startswith("-march=")]
    if march and "target" in config.model_fields_set:
        line = _line_of(text, ("stencils", "flags"))
        yield Diagnostic(f"the flag {march[0]}, but [target] says what to build for", "remove it", path, line)


def _check_operands(config: Config, path: Path, text: str) -> Iterator[Diagnostic]:
    line = _line_of(text, ("superstencils", "operands"))
    for name in config.superstencils.operands:
        hole = config.holes.get(name)
        if hole is None or hole.kind == "label" or hole.type not in INTEGER_BITS:
            what = f"superstencils.operands: '{name}' is not a hole with an integer type"
            remedy = f"add it to [holes] with a type out of {', '.join(INTEGER_BITS)}, or remove it here"
            yield Diagnostic(what, remedy, path, line)


def _diagnostic(path: Path, text: str, error: dict[str, Any]) -> Diagnostic:
    where = tuple(error["loc"])
    key = ".".join(map(str, where))
    match error["type"]:
        case "missing":
            what, remedy = f"'{key}' is missing", f"add it: {_EXAMPLES.get(key, key)}"
        case "extra_forbidden":
            what, remedy = f"unknown key '{key}'", "remove it, or correct its spelling"
        case "model_type" | "dict_type":
            what, remedy = f"'{key}' has to be a table", _EXAMPLES.get(key, _EXAMPLES["holes"])
        case "string_pattern_mismatch" if where[0] == "facts":
            what, remedy = f"'{error['input']}' is not an ASCII name of C's", "rename the fact"
        case "too_long" if where[0] == "facts":
            what, remedy = "there can be 31 facts at most", "leave some out"
        case "string_pattern_mismatch" if where[0] == "holes":
            what, remedy = f"'{where[1]}' is not an ASCII name of C's", "rename the hole"
        case "value_error":
            what, remedy = f"'{key}': {error['ctx']['error']}", "move the rest into a function or macro of the VM"
        case _:
            message = str(error["msg"])
            what, remedy = f"'{key}': {message[0].lower()}{message[1:]}", _EXAMPLES.get(key, "")
    return Diagnostic(what, remedy, path, _line_of(text, where))


_EXAMPLES = {
    "stencils": '[stencils] with sources = ["stencils.c"]',
    "stencils.sources": 'sources = ["stencils.c"]',
    "holes": '[holes] with oparg = { value = "instruction->oparg" }',
    "instruction": '[instruction] with type = "Instruction" and header = "vm.h"',
    "instruction.type": 'type = "Instruction"',
    "instruction.header": 'header = "vm.h"',
    "instruction.names": 'names = "OP_{}"',
    "versions": "[versions] with limit = 16",
    "versions.limit": "limit = 16",
    "facts": '[facts] with names = ["integer", "real"]',
    "facts.names": 'names = ["integer", "real"]',
    "stack": '[stack] with pointer = "sp"',
    "stack.pointer": 'pointer = "sp"',
    "stack.slot": "slot = 8",
    "stack.registers": "registers = 3",
    "stack.depth": 'depth = "static"',
    "superstencils": '[superstencils] with operands = ["d", "a", "b"]',
    "superstencils.operands": 'operands = ["d", "a", "b"]',
    "last": '[last] with ip = { place = "frame->ip" }',
}


def _line_of(text: str, where: tuple[str | int, ...]) -> int:
    """The line that a key stands in, or the nearest table around it; 0 if even that is missing.

    tomllib keeps no positions; tables and keys at the start of a line are all that this format needs.
    """
    names = [str(part) for part in where if isinstance(part, str) and part != "[key]"]
    found, table = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[{1,2}\s*([\w.\"-]+)\s*\]", line):
            table = header[1].replace('"', "")
            if names and table in (names[0], ".".join(names[:2])):
                found = found or number
                if table == ".".join(names[:2]) and len(names) > 1:
                    found = number
        elif (key := re.match(r"\s*([\w-]+|\"[^\"]*\")\s*=", line)) and len(names) > 1:
            name = key[1].strip('"')
            if (table == names[0] and name == names[1]) or (table == ".".join(names[:2]) and name == names[-1]):
                return number
    return found
