"""Laid-out pieces to the C source of an emit function.

    memcpy(hot,
           "\\x40\\xf6\\xc7\\x01" // test dil, 1
           "\\x75\\x02"         // jne =>L(1)
           "\\xff\\x07",        // inc dword [rdi]
           8);
    hot = sg_call(as, hot + 8, (uintptr_t)&float_new); // call extern float_new

The key idea: between two pieces of variable length the code is one *template*, stored at once, because compilers turn a
memcpy of a short literal into stores of immediates. What a template leaves open (values, addresses, distances) is
stored over it afterwards, at constant offsets from the cursor. The cursor moves only where a length varies.
"""

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dasc.check import names_in
from dasc.compiler.layout import Layout, Mode, Place, Reference, SectionName, at_start, is_label
from dasc.compiler.pieces import Choice, Fixed, Helper, Mark, longest
from dasc.compiler.ranges import Interval, condition, declared
from dasc.compiler.refusal import refuse
from dasc.compiler.select import address_value, symbolic_value
from dasc.model import NEXT, LabelHole, Stencil, Value, Version
from x86_64 import Address, Encoding, Field, Symbolic

__all__ = ["emit_function"]

_INT64 = (Interval(-(1 << 63), (1 << 63) - 1),)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of C and the comment beside it."""

    code: str
    comment: str = ""


def emit_function(stencil: Stencil, layouts: Mapping[Stencil, Layout], max_hot: int, max_cold: int) -> str:
    """The emit function of a stencil, as C that ends with a line feed. layouts: of each of its versions."""
    parameters = ("sg_assembler *as", *stencil.parameters)
    body = list(_version(stencil, layouts))
    used = {name for line in body for name in _names_used(line.code)}
    unused = [f"    (void){name};" for name in map(_declared_name, parameters) if name not in used]
    source = f", {stencil.source}" if stencil.source else ""
    lines = [
        f"/* {stencil.name}{source}: at most {max_hot} bytes hot, {max_cold} cold. */",
        f"static void emit_{stencil.name}({', '.join(parameters)})",
        "{",
        *unused,
        *_aligned(body),
        "}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _names_used(code: str) -> Collection[str]:
    """The identifiers of a line of C, but for those that only a debug build looks at."""
    return _names_of_line(code.lstrip())


@functools.lru_cache(maxsize=1 << 12)  # asked once for each decision around the line
def _names_of_line(code: str) -> frozenset[str]:
    return frozenset() if code.startswith(("assert", "//")) else frozenset(names_in(code))


def _version(part: Stencil, layouts: Mapping[Stencil, Layout], known: int = 0) -> Iterator[_Line]:
    """The statements of a stencil, or of one side of a decision as a stencil, whose first `known` values are computed."""
    own = part.values[known:]
    inner: list[_Line] = []
    if part.decision is None:
        layout = layouts[part]
        inner += _asserted(own)
        inner += _SectionWriter("hot", layout).lines(sum(map(longest, layout.hot)))
        inner += _SectionWriter("cold", layout).lines(sum(map(longest, layout.cold)))
        inner += [_Line(f"    {effect};") for effect in part.effects]
    else:
        inner += _asserted(own)
        inner += _decision(part, layouts)
    used = {name for line in inner for name in _names_used(line.code)}
    used |= {name for value in own for name in names_in(value.expression)}
    for value in own:
        name, check = value.symbol.name, _range_check(value)
        yield _Line(f"    const int64_t {name} = (int64_t)({value.expression});")
        if check:
            yield from (_Line(f"    {line}") for line in check.split("\n"))
        elif name not in used:
            yield _Line(f"    (void){name};")
    yield from inner


def _decision(part: Stencil, layouts: Mapping[Stencil, Layout]) -> Iterator[_Line]:
    """`if … else …`, each side indented; an `else` that only decides further goes on as `else if`."""
    assert part.decision is not None
    decision, known = part.decision, len(part.values)
    yield _Line(f"    if ({decision.condition}) {{")
    yield from map(_indented, _version(_side(part, decision.yes), layouts, known))
    other = _side(part, decision.no)
    if other.decision is not None and not decision.no.values:
        head, *rest = _decision(other, layouts)
        yield _Line(f"    }} else {head.code.lstrip()}")
        yield from rest
        return
    yield _Line("    } else {")
    yield from map(_indented, _version(other, layouts, known))
    yield _Line("    }")


def _indented(line: _Line) -> _Line:
    return line if line.code.startswith("#") else _Line(f"    {line.code}", line.comment)


def _side(part: Stencil, version: Version) -> Stencil:
    values = (*part.values, *version.values)
    return replace(
        part,
        values=values,
        hot=version.hot,
        cold=version.cold,
        decision=version.decision,
        effects=version.effects,
    )


def _asserted(values: Sequence[Value]) -> list[_Line]:
    proven = (value.symbol for value in values if not value.checked)
    return _debug_asserts([condition(symbol.name, declared(symbol), _INT64) for symbol in proven])


def _range_check(value: Value) -> str:
    """A statement that refuses a value outside of a range that was only promised; empty where there is none."""
    test = condition(value.symbol.name, declared(value.symbol), _INT64)
    if not value.checked or test is None:
        return ""
    low, high = value.symbol.low, value.symbol.high
    complaint = f"not {low}" if low == high else f"outside of its range {low}..{high}"
    return refuse(value.symbol.name, test, value.expression, complaint, leave=True)


def _declared_name(declaration: str) -> str:
    return names_in(declaration.partition("[")[0])[-1]


def _debug_asserts(tests: Iterable[str | None]) -> list[_Line]:
    """Assertions of a debug build; None is always true."""
    asserts = [_Line(f"    assert({test});") for test in tests if test is not None]
    return [_Line("#ifdef SG_DEBUG"), *asserts, _Line("#endif")] if asserts else []


def _aligned(lines: Sequence[_Line]) -> Iterator[str]:
    """The lines with the comments of each run of commented lines in one column."""
    run: list[_Line] = []
    for line in [*lines, None]:
        if line is not None and line.comment:
            run.append(line)
            continue
        width = max((len(entry.code) for entry in run), default=0)
        for entry in run:
            yield f"{entry.code:<{width}} // {entry.comment}"
        run = []
        if line is not None:
            yield line.code


@dataclass(slots=True)
class _SectionWriter:
    """Writes the C for one part of a stencil, piece by piece."""

    section: SectionName
    layout: Layout
    written: list[_Line] = field(default_factory=list)
    segment: int = 0
    template: bytearray = field(default_factory=bytearray)
    """The bytes of the segment so far."""
    rows: list[tuple[int, str]] = field(default_factory=list)
    """For each line of assembly in the template: where its bytes end, and its text."""
    open: set[int] = field(default_factory=set)
    """Offsets of the template's bytes that are stored over."""
    patches: list[str] = field(default_factory=list)

    def lines(self, most: int) -> list[_Line]:
        """The statements for the whole part, which emits at most so many bytes."""
        pieces = self.layout.hot if self.section == "hot" else self.layout.cold
        if not pieces:
            return []
        self.say(f"uint8_t *{self.section} = as->{self.section};")
        for piece in pieces:
            match piece:
                case Fixed():
                    self.fixed(piece)
                case Mark():
                    self.mark(piece)
                case Helper():
                    self.helper(piece)
                case Choice():
                    self.choice(piece)
        if self.section == "hot":
            self.resolve(NEXT.name)
        self.flush()
        end = self.at(len(self.template))
        if self.segment:
            self.written += _debug_asserts([f"{end} - as->{self.section} <= {most}"])
        self.say(f"as->{self.section} = {end};")
        return self.written

    def say(self, statement: str, comment: str = "") -> None:
        for line in statement.split("\n"):
            self.written.append(_Line(f"    {line}", comment))
            comment = ""

    def at(self, offset: int) -> str:
        """A C expression for the address so many bytes after the cursor."""
        return f"{self.section} + {offset}" if offset else self.section

    # ---- The pieces ----

    def fixed(self, piece: Fixed) -> None:
        for check in piece.checks:
            self.say(check)
        start = len(self.template)
        self.template += piece.encoding.code
        self.rows.append((len(self.template), piece.text))
        for hole in piece.encoding.fields:
            self.patch(hole, start + hole.offset)

    def patch(self, hole: Field, offset: int) -> None:
        """Fill in a field of the template, now or by a statement after it."""
        if is_label(hole.operand):
            reference = self.layout.references[Place(self.section, self.segment, offset)]
            if reference.mode is Mode.CONSTANT:
                distance = (
                    self.layout.labels[reference.target].offset
                    + hole.operand.addend
                    - offset
                    - hole.size
                    - hole.trailing
                )
                self.template[offset : offset + hole.size] = distance.to_bytes(hole.size, "little", signed=True)
                return
            if reference.mode is Mode.DEFERRED:
                self.patches.append(f"uint8_t *const jump_{reference.number} = {self.at(offset)};")
            else:
                self.patches.append(_distance(self.at(offset), hole, self.destination(reference)))
        else:
            self.patches += self.store(hole, offset)
        self.open |= set(range(offset, offset + hole.size))

    def mark(self, piece: Mark) -> None:
        name = piece.label.name
        self.rows.append((len(self.template), piece.text))
        if self.layout.kept(name):
            self.patches.append(f"uint8_t *const label_{name} = {self.at(len(self.template))};")
        self.resolve(name)

    def helper(self, piece: Helper) -> None:
        offset = self.end_segment()
        self.say(f"{self.section} = {piece.call.replace('{p}', self.at(offset))};", piece.text)

    def choice(self, piece: Choice) -> None:
        for check in piece.checks:
            self.say(check)
        offset = self.end_segment()
        for number, alternative in enumerate(piece.alternatives):
            test = f"if ({alternative.condition}) {{" if alternative.condition is not None else "{"
            self.say(f"}} else {test}" if number else test, "" if number else piece.text)
            for statement in self.alternative(alternative.encoding, offset):
                self.say(f"    {statement}")
        self.say("}")

    def alternative(self, encoding: Encoding, offset: int) -> Iterator[str]:
        """Statements that store one encoding at an offset from the cursor, and advance the cursor over it."""
        holes = {place for hole in encoding.fields for place in range(hole.offset, hole.offset + hole.size)}
        template = encoding.code[: _filled(encoding.code, holes)]
        if template:
            yield f"memcpy({self.at(offset)}, {_literal(template)}, {len(template)});"
        for hole in encoding.fields:
            yield from self.store(hole, offset + hole.offset)
        if length := offset + len(encoding.code):
            yield f"{self.section} += {length};"

    # ---- Stores ----

    def store(self, hole: Field, offset: int) -> Iterator[str]:
        """Statements that store a value, an address or a position in the trace into a field at this offset."""
        place = self.at(offset)
        match hole.operand:
            case Symbolic() as symbolic if hole.size:
                bits = hole.size * 8
                value = symbolic_value(symbolic, bits)
                if hole.scale != 1:
                    value = f"(uint{bits}_t)({symbolic_value(symbolic, 64)} / {hole.scale})"
                yield f"sg_put{bits}({place}, {value});"
            case LabelHole(expression):
                yield f"sg_label32(as, {place}, (uint64_t)({expression}));"
            case Address(name) as address if name.startswith("SG_COLD("):
                yield f"sg_relative32({place}, {address_value(address).removeprefix('(uintptr_t)')});"
            case Address() as address:
                yield f"sg_relative32_address(as, {place}, {address_value(address)}, {hole.trailing});"

    def resolve(self, label: str) -> None:
        """Store the distances that waited for this label, which is here."""
        for reference in self.layout.waiting(label):
            place = f"jump_{reference.number}"
            self.patches.append(_distance(place, reference.field, self.at(len(self.template))))

    def destination(self, reference: Reference) -> str:
        """The address of a label that the emit function has passed or knows."""
        name, place = reference.target, self.layout.labels[reference.target]
        if at_start(reference.source, place):
            return f"as->{place.section} + {place.offset}" if place.offset else f"as->{place.section}"
        return "as->hot" if name == NEXT.name else f"label_{name}"

    # ---- Templates ----

    def end_segment(self) -> int:
        """Write the template; a new segment begins after what follows. Returns the length of the old one."""
        self.flush()
        length = len(self.template)
        self.template.clear()
        self.open.clear()
        self.segment += 1
        return length

    def flush(self) -> None:
        """Write the template's store, and after it what is stored over it."""
        filled = _filled(self.template, self.open)
        rows = []
        start = 0
        for end, text in self.rows:
            rows.append((bytes(self.template[start : min(end, filled)]), text))
            start = end
        while rows and not rows[0][0]:  # labels before all code
            self.say(f"// {rows.pop(0)[1]}")
        labels = []
        while rows and not rows[-1][0]:
            labels.append(f"// {rows.pop()[1]}")
        if len(rows) == 1:
            self.say(f"memcpy({self.section}, {_literal(rows[0][0])}, {filled});", rows[0][1])
        elif rows:
            self.say(f"memcpy({self.section},")
            for code, text in rows[:-1]:
                self.say(f"       {_literal(code)}" if code else "      ", text)
            self.say(f"       {_literal(rows[-1][0])},", rows[-1][1])
            self.say(f"       {filled});")
        for label in reversed(labels):
            self.say(label)
        for patch in self.patches:
            self.say(patch)
        self.rows.clear()
        self.patches.clear()


def _filled(code: bytes | bytearray, open_bytes: set[int]) -> int:
    """The length of the template without the bytes at its end that are stored over anyway."""
    length = len(code)
    while length - 1 in open_bytes:
        length -= 1
    return length


def _literal(code: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in code) + '"'


def _distance(place: str, hole: Field, destination: str) -> str:
    """The statement that stores the distance from a field at `place` to a destination."""
    assert is_label(hole.operand)
    shift = hole.operand.addend - hole.trailing
    if shift:
        destination += f" {'+' if shift > 0 else '-'} {abs(shift)}"
    if hole.size == 4:
        return f"sg_relative32({place}, {destination});"
    start = f"({place})" if "+" in place else place
    return f"sg_put8({place}, (uint8_t)({destination} - {start} - 1));"
