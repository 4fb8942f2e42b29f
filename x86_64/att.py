"""AT&T syntax, as LLVM prints it: `movq E0+80(%r12,%rax,8), %rdi`.

Reading goes from the text's mnemonic to the table's: by a list of special names (`cltq`), by its own name (`movaps`),
or by dropping the size suffix (`addl`); the first that has a form with these operands is it. Operands are reversed to
Intel order. Names:

    $E3, E0+80(%r12)      resolve("E3") is a Symbol: a JIT-time value
    E+5(%rip)             the *value* E+5 when E is a Symbol: an absolute address; the place E+5 when it is an Address
    or a Label foo@PLT               is foo; other suffixes (foo@TPOFF) are part of the name jne .LBB0_2           a
    Label or an Address
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from x86_64.att_names import (
    BRANCH,
    FAR,
    REGISTER_SUFFIX,
    REVERSED,
    SAME_ORDER,
    SHIFTS,
    SPECIAL,
    STRINGS,
    meanings,
)
from x86_64.errors import AssemblyError, OperandError, ParseError
from x86_64.instruction import Instruction
from x86_64.intel import PREFIXES, default_flags_text, signed_text, start_of_line, take_default_flags, unresolved
from x86_64.operands import (
    Address,
    DefaultFlags,
    Label,
    Masked,
    Memory,
    Operand,
    Rounding,
    Symbol,
    Symbolic,
    in_text_order,
)
from x86_64.registers import HIGH_REGISTERS, REGISTERS, Register
from x86_64.selection import Plan, matches, memory_sizes, select, shape

Resolve: TypeAlias = Callable[[str], Symbol | Address | Label]

# --- operands

_GENERAL = ("r8", "r8h", "r16", "r32", "r64")

_OPERAND = re.compile(
    r"""\s*(?P<star>\*?)
    (?: %(?P<register>st\(\d\)|\w+)(?!\w|:)
      | \$(?P<immediate>"[^"]*"[^,\s{]*|[^,\s{]+)
      | (?:%(?P<segment>[c-gs]s):)? (?P<displacement>"[^"]*"[^,\s(]*|(?:[^,\s(%${][^,\s(%{]*)?)
        (?: \((?P<inside>[^)]*)\) (?:\{1to(?P<broadcast>\d+)\})? )?
      | \{(?P<rounding>\w\w-sae|sae)\}
    )
    (?: \s*\{%(?P<mask>k\d)\} )? (?P<zeroing>\s*\{z\})? \s*(?:(?P<comma>,)|\Z)""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"-?(?:0x[0-9a-fA-F]+|0|[1-9]\d*)\Z")
_TERM = re.compile(r'("[^"]+"|[A-Za-z_.$][\w.$@]*)\s*([+-]\s*(?:0x[0-9a-fA-F]+|0|[1-9]\d*))?\Z')
_INSIDE = re.compile(r"\s*(?:%(\w+))?\s*(?:,\s*(?:%(\w+))?\s*(?:,\s*([1248])\s*)?)?\Z")
_LINES: dict[str, Instruction] = {}  # whole lines without names
_CACHE_LIMIT = 1 << 16


class _Names:
    """The resolver of one line; remembers whether it was needed."""

    __slots__ = ("resolve", "used")

    def __init__(self, resolve: Resolve) -> None:
        self.resolve = resolve
        self.used = False

    def value(self, text: str) -> int | Symbolic | Address | Label:
        """A number, a name, or name ± number."""
        if _NUMBER.match(text):
            return int(text, 0)
        match = _TERM.match(text)
        if match is None:
            raise OperandError(f"{text}: expected a number, a name, or a name ± a number")
        self.used = True
        name = match[1].strip('"')
        for decoration in ("@PLT", "@ABS8"):
            name = name.removesuffix(decoration)
        addend = int(match[2].replace(" ", ""), 0) if match[2] else 0
        try:
            found = self.resolve(name)
        except KeyError:
            raise OperandError(f"{name}: unknown name") from None
        return found + addend if addend or isinstance(found, Symbol) else found


def _register(name: str) -> Register:
    try:
        if name.startswith("st"):
            return Register.named("st0" if name == "st" else "st" + name[3] if "(" in name else name)
        return Register.named(name)
    except KeyError:
        raise OperandError(f"%{name}: unknown register") from None


def _memory(match: re.Match[str], names: _Names) -> Memory:
    text, inside = match["displacement"], match["inside"]
    value: int | Symbolic | Address | Label = names.value(text) if text else 0
    segment = _register(match["segment"]) if match["segment"] else None
    broadcast = int(match["broadcast"] or 0)
    base = index = None
    scale = 1
    if inside is not None:
        parts = _INSIDE.match(inside)
        if parts is None:
            raise OperandError(f"({inside}): expected (base,index,scale)")
        base = _register(parts[1]) if parts[1] else None
        index = _register(parts[2]) if parts[2] else None
        scale = int(parts[3] or 1)
    if base is not None and base.kind == "rip" and not isinstance(value, int):
        base = None
        if not isinstance(value, Symbolic):
            return Memory(target=value, segment=segment, broadcast=broadcast)
    elif isinstance(value, Address | Label):
        raise OperandError(
            f"{value.name}: its address does not fit 32 bits: write {value.name}(%rip), compile as position-independent "
            "code"
        )
    return Memory(base, index, scale, value, None, segment, None, broadcast)


def _operand(match: re.Match[str], names: _Names, branch: bool) -> Operand:
    result: Operand
    if match["register"]:
        result = _register(match["register"])
    elif match["immediate"]:
        result = names.value(match["immediate"])
    elif match["rounding"]:
        return Rounding(match["rounding"])
    elif branch and not match["star"] and match["inside"] is None:
        return names.value(match["displacement"])
    else:
        result = _memory(match, names)
    if match["mask"]:
        if not isinstance(result, Register | Memory):
            raise OperandError("only registers and memory can be masked")
        result = Masked(result, _register(match["mask"]), match["zeroing"] is not None)
    return result


def _read_operands(text: str, start: int, line: str, names: _Names, branch: bool) -> tuple[Operand, ...]:
    """Operands in Intel order, which is not the text's."""
    operands = []
    position = 0
    try:
        flags, text = take_default_flags(text)
    except AssemblyError as error:
        raise ParseError(str(error), line, start + 1, text.strip()) from None
    while True:
        match = _OPERAND.match(text, position)
        if match is None or match.end() == position:
            token = text[position:].strip()
            raise ParseError("not an operand", line, start + text.index(token, position) + 1, token)
        try:
            operands.append(_operand(match, names, branch))
        except AssemblyError as error:
            token = text[position : match.end()].strip().rstrip(",")
            raise ParseError(str(error), line, start + text.index(token, position) + 1, token) from None
        position = match.end()
        if not match["comma"]:
            operands.reverse()
            return tuple(operands) if flags is None else (flags, *operands)


def _with_size(operands: tuple[Operand, ...], size: int | None) -> tuple[Operand, ...]:
    def sized(operand: Operand) -> Operand:
        if isinstance(operand, Memory):
            return operand.sized(size)
        if isinstance(operand, Masked) and isinstance(operand.operand, Memory):
            return Masked(operand.operand.sized(size), operand.mask, operand.zeroing)
        return operand

    return tuple([sized(o) for o in operands])


def _agrees(operands: tuple[Operand, ...], size: int) -> bool:
    """Whether a suffix's size is that of some general register, if there are any (and no memory to have it)."""
    sizes = [o.size for o in operands if isinstance(o, Register) and o.kind in _GENERAL]
    return size == 0 or not sizes or size in sizes or any(isinstance(o, Memory) for o in operands)


def _choose(word: str, operands: tuple[Operand, ...], prefixes: tuple[str, ...]) -> Instruction:
    """The first meaning of the mnemonic that has a form with these operands (in Intel order)."""
    readings = meanings(word)
    if any(isinstance(o, Rounding) for o in operands):
        operands = tuple(sorted(operands, key=lambda o: isinstance(o, Rounding)))  # last, as Instruction has it
    if not readings:
        raise OperandError(f"{word}: unknown instruction")
    for name, size, predicate in readings:
        given = operands
        if name in STRINGS and (not given or _is_string_memory(given)):
            given = ()
        if name in SAME_ORDER:
            given = given[::-1]
        if name in SHIFTS and len(given) == 1:
            given = (*given, 1)
        if (
            name in REVERSED
            and given
            and isinstance(given[0], Register)
            and (given[0].name != "st0" or name.endswith("P"))
        ):
            name = REVERSED[name]
        if predicate >= 0:
            end = len(given) - (bool(given) and isinstance(given[-1], Rounding))  # a rounding mode stays last
            given = (*given[:end], predicate, *given[end:])
        if size and name not in REGISTER_SUFFIX:
            given = _with_size(given, size)
        if _agrees(given, size) and matches(name, given, prefixes):
            return Instruction(name, given, prefixes)
    Instruction(readings[-1][0], operands, prefixes)  # explains what is wrong, if it is not the suffix
    raise OperandError(f"{word}: the suffix does not agree with the operands")


# What is chosen depends on the word and the operands' shapes alone. An entry says that operands of these shapes (after
# the memory operand got the size in _SIZES) are the instruction's, with some numbers added at the end.
_CHOSEN: dict[tuple[object, ...], tuple[Plan, tuple[int, ...]]] = {}
_SIZES: dict[str, int | None] = {}


def _remember(word: str, operands: tuple[Operand, ...], instruction: Instruction) -> None:
    """Note what was chosen, if it is the operands as they stand but for the memory operand's size."""
    final = instruction.operands
    memory = next((m for m in map(_unmasked, final) if isinstance(m, Memory)), None)
    size = None if memory is None else memory.size
    given, added = _with_size(operands, size), final[len(operands) :]
    if instruction.mnemonic in SAME_ORDER or (*given, *added) != final or not all(type(n) is int for n in added):
        return
    _CHOSEN[(word, *map(shape, given))] = instruction.plan, added  # type: ignore[assignment]
    if memory is not None:
        _SIZES[word] = size


def _recall(shapes: tuple[object, ...], operands: tuple[Operand, ...]) -> Instruction | None:
    """The instruction of a word and operands (the word and the operands' shapes), if the like was chosen before."""
    chosen = _CHOSEN.get(shapes)
    if chosen is None:
        return None
    plan, added = chosen
    if added:
        operands += added
        plan = select(plan.mnemonic, operands)
    return Instruction.of_plan(plan, operands)


def _unmasked(operand: Operand) -> Operand:
    return operand.operand if isinstance(operand, Masked) else operand


@cache
def _inside(text: str) -> tuple[Register | None, Register | None, int]:
    """Base, index and scale of what stands between parentheses; KeyError or ValueError if it is unusual."""
    base, *rest = text.split(",")
    if not rest:
        return _REGISTERS[base], None, 1
    index, *factor = rest
    scale = {"1": 1, "2": 2, "4": 4, "8": 8}[factor[0]] if factor else 1
    return (_REGISTERS[base] if base else None), _REGISTERS[index], scale


_REGISTERS = {f"%{r.name}": r for r in (*REGISTERS, *HIGH_REGISTERS) if r.kind != "rip"}


def _quickly(word: str, text: str) -> tuple[tuple[Operand, ...], tuple[object, ...]] | None:
    """Operands in Intel order and their shapes, if they are registers, numbers and one plain address; else None."""
    operands: list[Operand] = []
    shapes: list[object] = [word]
    try:
        opening = text.find("(")
        if opening >= 0:
            closing = text.index(")", opening)
            *before, number = text[:opening].split(",")
            after = text[closing + 1 :].split(",")
            if after.pop(0).strip():
                return None
            for piece in reversed(after):
                register = _REGISTERS[piece.strip()]
                operands.append(register)
                shapes.append(register.shape)
            number = number.strip()
            if number and not _NUMBER.match(number):
                return None
            base, index, scale = _inside(text[opening + 1 : closing])
            memory = Memory(base, index, scale, int(number, 0) if number else 0, _SIZES.get(word))
            operands.append(memory)
            shapes.append(memory.shape)
        else:
            before = text.split(",")
        for piece in reversed(before):
            piece = piece.strip()
            if piece[:1] == "$":
                if not _NUMBER.match(piece, 1):
                    return None
                value = int(piece[1:], 0)
                operands.append(value)
                shapes.append("1" if value == 1 else "value")
            else:
                register = _REGISTERS[piece]
                operands.append(register)
                shapes.append(register.shape)
    except (KeyError, ValueError):
        return None
    return tuple(operands), tuple(shapes)


def _is_string_memory(operands: tuple[Operand, ...]) -> bool:
    """Whether a string instruction's operands only spell out what it implies: (%rsi), %es:(%rdi) and an accumulator
    or %dx."""

    def implied(operand: Operand) -> bool:
        match operand:
            case Memory(base=Register(name="rsi"), index=None, displacement=0, segment=None):
                return True
            case Memory(base=Register(name="rdi"), index=None, displacement=0, segment=Register(name="es")):
                return True
            case Register(name="al" | "ax" | "eax" | "rax" | "dx"):
                return True
        return False

    return all(map(implied, operands)) and any(isinstance(o, Memory) for o in operands)


def parse_att(line: str, resolve: Resolve = unresolved) -> Instruction:
    """Read one instruction as LLVM prints it. ParseError, with the column and token, when it cannot be read.

    A comment (from ` #` to the end) is ignored. Each name is given to `resolve`, which returns what it stands for.
    """
    known = _LINES.get(line)
    if known is not None:
        return known
    text = line.split("#", 1)[0] if "#" in line else line
    pieces = text.split(None, 1)
    if len(pieces) == 2 and (quick := _quickly(*pieces)) is not None:
        operands, shapes = quick
        found = _recall(shapes, operands)
        if found is not None:
            _note(line, found)
            return found
    names = _Names(resolve)
    prefixes: list[str] = []
    position = 0
    while True:
        rest = text[position:].lstrip(" \t;")
        position = len(text) - len(rest)
        word = rest.split(None, 1)[0] if rest else ""
        word = word.split(";", 1)[0]
        if word not in PREFIXES:
            break
        prefixes.append(PREFIXES[word])
        position += len(word)
    if not word:
        raise ParseError("expected a mnemonic", line, position + 1, "")
    start = position + len(word)
    operands_text = text[start:]
    operands = ()
    if operands_text and not operands_text.isspace():
        branch = BRANCH.match(word) is not None
        operands = _read_operands(operands_text, start, line, names, branch)
    try:
        sized = _with_size(operands, _SIZES.get(word))
        known = None if prefixes else _recall((word, *map(shape, sized)), sized)
        instruction = known or _choose(word, operands, tuple(prefixes))
    except AssemblyError as error:
        raise ParseError(str(error), line, position + 1, word) from None
    if not names.used:
        _note(line, instruction)
        if known is None and not prefixes:
            _remember(word, operands, instruction)
    return instruction


def forget_lines() -> None:
    """Drop the cache of whole lines; for measurements."""
    _LINES.clear()


def _note(line: str, instruction: Instruction) -> None:
    if len(_LINES) > _CACHE_LIMIT:
        _LINES.clear()
    _LINES[line] = instruction


# --- writing

# What has an AT&T name of its own; where it has several, the one that every assembler knows.
_ATT_NAMES = {name: att for att, (name, size) in SPECIAL.items() if size == 0 and name != "MOV"} | {
    "MOVSXD": "movslq",
    "PUSHFQ": "pushfq",
    "POPFQ": "popfq",
    "RETF": "lretl",
    "IRETD": "iretl",
}


def _value_text(value: int | Symbolic | Address | Label) -> str:
    match value:
        case int():
            return str(value)
        case Symbolic():
            return f"{value.symbol.name}{signed_text(value.addend)}"
    return f"{value.name}{signed_text(value.addend)}"


def _operand_text(operand: Operand, branch: bool, indirect: bool) -> str:
    match operand:
        case Register(kind="st"):
            return "%st" if operand.number == 0 else f"%st({operand.number})"
        case Register():
            return f"{'*' * indirect}%{operand.name}"
        case Masked():
            zeroing = " {z}" if operand.zeroing else ""
            return f"{_operand_text(operand.operand, branch, indirect)} {{%{operand.mask.name}}}{zeroing}"
        case Rounding():
            return f"{{{operand.value}}}"
        case Memory():
            return "*" * indirect + _memory_text(operand)
        case DefaultFlags():
            return default_flags_text(operand)
    return _value_text(operand) if branch else f"${_value_text(operand)}"


def _memory_text(memory: Memory) -> str:
    segment = f"%{memory.segment.name}:" if memory.segment else ""
    broadcast = f"{{1to{memory.broadcast}}}" if memory.broadcast else ""
    if memory.target is not None:
        return f"{segment}{_value_text(memory.target)}(%rip){broadcast}"
    bare = memory.base is None and memory.index is None
    value = _value_text(memory.displacement) if memory.displacement != 0 or bare else ""
    if bare:
        return f"{segment}{value}{broadcast}"
    index = f",%{memory.index.name},{memory.scale}" if memory.index is not None else ""
    return f"{segment}{value}({f'%{memory.base.name}' if memory.base else ''}{index}){broadcast}"


def _suffixed(instruction: Instruction) -> str:
    """The AT&T mnemonic, with a size suffix where only the memory operand's or the immediate's size decides."""
    name, operands = instruction.mnemonic, instruction.operands
    if name in _ATT_NAMES and (operands == () or name not in ("MOVSD", "CMPSD")):
        return _ATT_NAMES[name]
    if name in ("MOVZX", "MOVSX"):
        sizes = [o.size for o in operands if isinstance(o, Register | Memory)]
        letters = "".join({1: "b", 2: "w", 4: "l", 8: "q"}[size or 0] for size in sizes[::-1])
        return f"mov{name[3].lower()}{letters}"
    if name == "MOV" and any("A" in form.places for form in instruction.forms) and len(instruction.forms) == 1:
        return "movabs"
    if (
        name in REVERSED
        and operands
        and isinstance(operands[0], Register)
        and (operands[0].name != "st0" or name.endswith("P"))
    ):
        return REVERSED[name].lower()
    memory = next(
        (m for m in (o.operand if isinstance(o, Masked) else o for o in operands) if isinstance(m, Memory)), None
    )
    lower = name.lower()
    if memory is None or memory.size is None:
        return lower
    if len(memory_sizes(matches(name, _with_size(operands, None)), operands)) < 2:
        return lower
    if name in FAR:
        return lower + {4: "w", 6: "l", 10: "q"}[memory.size]
    if name.startswith("FI"):
        return lower + {2: "s", 4: "l", 8: "ll"}[memory.size]
    if name.startswith("F"):
        return lower + {4: "s", 8: "l", 10: "t"}.get(memory.size, "")
    size = memory.size * memory.broadcast if memory.broadcast else memory.size
    letter = {1: "b", 2: "w", 4: "l", 8: "q", 16: "x", 32: "y", 64: "z"}.get(size, "")
    return lower + letter


def format_att(instruction: Instruction) -> str:
    """One line of AT&T syntax, without indentation."""
    branch = any(kind.startswith("rel") for kind in instruction.forms[0].kinds)
    indirect = instruction.mnemonic in ("CALL", "JMP", "LCALL", "LJMP")
    operands = in_text_order(instruction.operands)
    if instruction.mnemonic not in SAME_ORDER:
        operands = operands[::-1]
    start = start_of_line(instruction, _suffixed(instruction))
    text = ", ".join(_operand_text(o, branch, indirect) for o in operands if not isinstance(o, DefaultFlags))
    return f"{start} {text}" if text else start
