"""One line of a stencil to one piece: which encodings are possible, and how the emit function tells which to use.

The key idea: the tests compare against what is known. The declared range of a symbol removes encodings that it never
needs and tests that it always passes. A value that no encoding could hold is refused, in words, by a check before the
instruction; so the last encoding needs no test and the cursor stays safe whatever the values are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dasc.compiler.layout import is_label
from dasc.compiler.pieces import Alternative, Branch, Choice, Fixed, Helper, Mark, Piece
from dasc.compiler.ranges import Ranges, condition, declared, difference, holders, intersection, union
from dasc.compiler.refusal import refuse
from dasc.compiler.shorter import shorter
from dasc.errors import CompileError
from dasc.model import DropFrame, InstructionLine, LabelHole, LabelLine, LastValue, Line, Stencil, is_identifier
from dasc.syntax import format_line
from x86_64 import (
    Address,
    AssemblyError,
    Encoding,
    Field,
    Instruction,
    Label,
    Memory,
    Register,
    Symbol,
    Symbolic,
)

__all__ = ["address_value", "exit_stub", "select", "symbolic_value"]

# Bytes that the runtime's helpers emit at most; see the enum at the head of stencilgen/emit.h.
_LOAD, _CALL, _DROP_FRAME, _SETTLE_DEPTH, _JUMP_LABEL, _WRITE_LAST = 10, 6, 7, 4, 5, 18
_EXIT_STUB = 7 + 3  # its jump lies in one aligned word


def select(stencil: Stencil, line: Line, local: frozenset[Label], last: bool) -> Piece:
    """The piece for one line. local: labels within the same section; last: no code of the section follows."""
    text = format_line(line).removeprefix("|").strip()
    match line:
        case LabelLine(label):
            return Mark(text, label)
        case DropFrame():
            return Helper(text, "sg_drop_frame(as, {p})", _DROP_FRAME)
        case LastValue():
            return _last_value(text, line)
        case InstructionLine(instruction, flags_dead):
            return _Selection(stencil, text.partition("  //")[0], instruction, flags_dead).piece(local, last)


def exit_stub(static_depth: bool, writing: LastValue | None) -> Helper:
    """A stub; writing: of the last values that it writes before it leaves."""
    most = _EXIT_STUB + (_SETTLE_DEPTH if static_depth else 0)
    if writing is None:
        return Helper("exit stub", "sg_exit_stub(as, {p})", most)
    sure = "true" if writing.action == "exits_write" else "false"
    return Helper("exit stub", f"sg_writing_exit_stub(as, {{p}}, {sure})", most + writing.place * _WRITE_LAST)


def _last_value(text: str, line: LastValue) -> Helper:
    match line:
        case LastValue("write" | "rewrite" as action, place):
            sure = "true" if action == "write" else "false"
            return Helper(text, f"sg_write_last(as, {{p}}, {place}, {sure})", _WRITE_LAST)
        case LastValue("set", place, Symbol(name=name)):
            return Helper(text, f"sg_set_last(as, {{p}}, {place}, (uint64_t){name})", 0)
        case LastValue("written" | "unsure" | "forget" as action, place):
            return Helper(text, f"sg_last_{action}(as, {{p}}, {place})", 0)
    raise AssertionError(line)


def address_value(address: Address) -> str:
    """A C expression of type uintptr_t."""
    name = f"SG_EXTERN({address.name})" if is_identifier(address.name) else address.name
    return _plus(f"(uintptr_t)&{name}", address.addend)


def symbolic_value(symbolic: Symbolic, bits: int) -> str:
    """A C expression of type uint8_t … uint64_t: the low bits of symbol + addend, computed without overflow."""
    name, addend = symbolic.symbol.name, symbolic.addend
    return f"(uint{bits}_t)({_plus(f'(uint64_t){name}', addend)})" if addend else f"(uint{bits}_t){name}"


def _plus(unsigned: str, addend: int) -> str:
    return f"{unsigned} {'+' if addend > 0 else '-'} {abs(addend)}u" if addend else unsigned


@dataclass(frozen=True, slots=True)
class _Selection:
    """How one instruction becomes a piece. text: the line without its comment."""

    stencil: Stencil
    text: str
    instruction: Instruction
    flags_dead: bool

    def piece(self, local: frozenset[Label], last: bool) -> Piece:
        instruction = self.instruction
        match instruction.mnemonic, instruction.operands:
            case "CALL", (Address() as address,) if not _is_ours(address):
                return Helper(self.text, f"sg_call(as, {{p}}, {address_value(address)})", _CALL)
            case "JMP", (Address() as address,):
                return Helper(self.text, f"sg_jump(as, {{p}}, {address_value(address)})", _CALL)
            case "JMP", (LabelHole(expression),) if last:
                return Helper(self.text, f"sg_jump_label(as, {{p}}, (uint64_t)({expression}))", _JUMP_LABEL)
            case "MOV", (Register(kind="r64") as register, Address() as address):
                return self.load(register, f"(uint64_t)({address_value(address)})")
            case "LEA", (Register(kind="r64") as register, Memory(target=Address() as address)) if not _is_ours(
                address
            ):
                return self.load(register, f"(uint64_t)({address_value(address)})")
            case "MOV", (Register(kind="r64") as register, Symbolic() as symbolic) if _needs_64_bits(symbolic):
                return self.load(register, symbolic_value(symbolic, 64))
        encodings = self.encodings()
        target = instruction.operands[0] if instruction.operands else None
        if isinstance(target, Label) and target in local:
            return self.branch(target, encodings)
        return self.choice([encoding for encoding in encodings if all(_reaches(field) for field in encoding.fields)])

    def load(self, register: Register, value: str) -> Helper:
        flags_dead = "true" if self.flags_dead else "false"
        return Helper(self.text, f"sg_load(as, {{p}}, {register.number}, {value}, {flags_dead})", _LOAD)

    def encodings(self) -> list[Encoding]:
        try:
            encodings = list(self.instruction.encodings())
        except AssemblyError as error:
            raise self.error(str(error)) from None
        return [*shorter(self.instruction, encodings, self.flags_dead), *encodings]

    def branch(self, target: Label, encodings: Iterable[Encoding]) -> Branch:
        by_size = {encoding.fields[0].size: encoding for encoding in encodings}
        return Branch(self.text, target, by_size.get(1), by_size.get(4), self.instruction.mnemonic != "JMP")

    def choice(self, encodings: list[Encoding]) -> Fixed | Choice:
        if not encodings:
            remedy = "jump over a jump to it, or keep the two in the same section, close together"
            raise self.error(f"`{self.text}` can jump no further than 128 bytes", remedy)
        needs = [_needs(encoding) for encoding in encodings]
        known, checks = {}, []
        for symbol in sorted({symbol for need in needs for symbol in need}, key=lambda symbol: symbol.name):
            possible = declared(symbol)
            known[symbol] = intersection(possible, union(*(need.get(symbol, possible) for need in needs)))
            if not known[symbol]:
                span = f"{symbol.name}'s range {symbol.low}..{symbol.high}"
                raise self.error(f"`{self.text}`: no encoding holds a value of {span}")
            if known[symbol] != possible:
                checks.append(self.check(symbol, known[symbol], possible))
        alternatives = tuple(self.alternatives(encodings, needs, known))
        self.require_simple_places(alternatives)
        if len(alternatives) == 1:
            return Fixed(self.text, alternatives[0].encoding, tuple(checks))
        return Choice(self.text, alternatives, tuple(checks))

    def require_simple_places(self, alternatives: Sequence[Alternative]) -> None:
        """Refuse what no compiler makes and the emit function has no way to fill in."""
        fields = [field for alternative in alternatives for field in alternative.encoding.fields]
        remedy = "load the address by a lea first"
        if any(isinstance(field.operand, LabelHole) and field.trailing for field in fields):
            raise self.error(f"`{self.text}` holds both a position in the trace and a constant", remedy)
        if len(alternatives) > 1 and any(is_label(field.operand) for field in fields):
            raise self.error(f"`{self.text}` holds both a label and a JIT-time value", remedy)

    def alternatives(
        self, encodings: Iterable[Encoding], needs: Iterable[Mapping[Symbol, Ranges]], known: dict[Symbol, Ranges]
    ) -> Iterator[Alternative]:
        """The encodings that some possible values need, up to one that holds all the values that are left."""
        for encoding, need in zip(encodings, needs, strict=True):
            if not all(intersection(known[symbol], accepted) for symbol, accepted in need.items()):
                continue
            tests = {symbol: condition(symbol.name, accepted, known[symbol]) for symbol, accepted in need.items()}
            failing = {symbol: test for symbol, test in tests.items() if test is not None}
            multiples = [test for test in map(_multiple, encoding.fields) if test is not None]
            if not failing and not multiples:
                yield Alternative(None, encoding)
                return
            yield Alternative(_conjunction([*failing.values(), *multiples]), encoding)
            if len(failing) == 1 and not multiples:  # whoever gets past this test has none of the values it accepts
                [symbol] = failing
                known[symbol] = difference(known[symbol], need[symbol])
        raise self.error(f"`{self.text}`: its encodings do not hold all values together")

    def check(self, symbol: Symbol, accepted: Ranges, possible: Ranges) -> str:
        """A statement that records an error when the value fits no encoding."""
        test = condition(symbol.name, accepted, possible)
        assert test is not None
        expression = next(value.expression for value in self.stencil.values if value.symbol == symbol)
        spans = " or ".join(f"{low}..{high}" for low, high in accepted)
        return refuse(symbol.name, test, expression, f"but `{self.text}` holds {spans} only", leave=False)

    def error(self, cause: str, remedy: str = "") -> CompileError:
        return CompileError(cause, remedy, self.stencil.name, self.stencil.source)


def _is_ours(address: Address) -> bool:
    """Whether it is one of the context's own constants or shared parts, which are near wherever the code is."""
    return address.name.startswith(("SG_RODATA(", "SG_COLD("))


def _needs_64_bits(symbolic: Symbolic) -> bool:
    """Whether some value takes a movabs."""
    narrow = union(holders(symbolic, -(1 << 31), (1 << 32) - 1, 64))
    return intersection(declared(symbolic.symbol), narrow) != declared(symbolic.symbol)


def _reaches(field: Field) -> bool:
    """Whether a distance to anywhere in the near region fits."""
    return not isinstance(field.operand, Address | Label) or field.size == 4


def _needs(encoding: Encoding) -> Mapping[Symbol, Ranges]:
    """For each symbol the values for which this encoding can be used."""
    needs: dict[Symbol, Ranges] = {}
    for field in encoding.fields:
        if isinstance(field.operand, Symbolic):
            symbol = field.operand.symbol
            accepted = holders(field.operand, field.low, field.high, field.bits)
            needs[symbol] = intersection(needs[symbol], accepted) if symbol in needs else accepted
    return needs


def _multiple(field: Field) -> str | None:
    """The test that a value can be stored divided by the field's scale."""
    if field.scale == 1 or not isinstance(field.operand, Symbolic):
        return None
    return f"{symbolic_value(field.operand, 64)} % {field.scale} == 0"


def _conjunction(tests: Sequence[str]) -> str:
    return tests[0] if len(tests) == 1 else " && ".join(f"({test})" if "||" in test else test for test in tests)
