"""From machine code to C statements that store it.

    { dasm_State *const sg_D = sg_dasm_state(Dst); uint8_t *sg_p = sg_dasm_begin(sg_D, 19);
      memcpy(sg_p, "\\x48\\x8b\\x82", 3); sg_p += 3;
      sg_p = sg_dasm_displacement(sg_p, sg_p - 1, (int)(expr), false);
      sg_dasm_end(sg_D, sg_p); }

The key idea: all items between two lines of C are one block. Bytes that are known are collected into one *template*,
which compilers turn into stores of constants; expressions of fixed width are stored over it; only what varies in length
ends a template.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dasc.actionlist.actions import Names
from dasc.direct.numbers import fields, numbers, prefix, quoted, quoted_text
from dasc.direct.reach import is_branch, longest, short_branches
from dasc.language.machine import Align, Code, Data, Displacement, Immediate, Item, LabelHere, Section, Space
from dasc.language.operands import Place
from dasc.language.output import Output
from dasc.language.source import Statement

__all__ = ["DirectBackend"]

_AHEAD = 246


@dataclass(slots=True)
class DirectBackend:
    """Writes C for `stencilgen/dasm.h`."""

    output: Output
    names: Names = field(default_factory=Names)
    items: list[tuple[Item, Statement]] = field(default_factory=list)

    def start(self, x64: bool) -> None:
        if not x64:
            self.output.line('#error "32-bit code needs the action-list back end: python -m dasc --backend actionlist"')

    def put(self, item: Item, statement: Statement, indent: str) -> None:
        # Names are numbered in the file's order, whatever is done with them later.
        places = [item.place] if isinstance(item, LabelHere) else list(_places(item))
        for place in places:
            if place.kind == "global":
                self.names.of_global(place.name, statement)
            elif place.kind == "extern":
                self.names.of_extern(place.name, statement)
        self.items.append((item, statement))

    def flush(self, indent: str) -> None:
        if self.items:
            items, self.items = self.items, []
            places = [f"{statement.origin.text.file}:{statement.origin.text.line}" for _, statement in items]
            for line in _Block([item for item, _ in items], places, self.names).lines():
                self.output.line(indent + line)

    def sections(self, names: tuple[str, ...]) -> None:
        for number, name in enumerate(names):
            self.output.line(f"#define DASM_SECTION_{name.upper()}\t{number}")
        self.output.line(f"#define DASM_MAXSECTION\t\t{len(names)}")

    def table(self, kind: str, name: str) -> None:
        self.output.deferred(lambda: self.lines(kind, name))

    def lines(self, kind: str, name: str) -> Iterator[str]:
        if kind == "actionlist":
            yield f"static const unsigned char {name}[1] = {{0}}; /* there is none: code is stored directly */"
        else:
            yield from self.names.table(kind, name)


def _places(item: Item) -> Iterator[Place]:
    match item:
        case Code():
            candidates = [item.target, item.displacement.value if item.displacement is not None else None]
            candidates += [immediate.value for immediate in item.immediates if isinstance(immediate.value, Place)]
        case Data(values):
            candidates = [value.value if isinstance(value.value, Place) else None for value in values]
        case _:
            candidates = []
    yield from (candidate for candidate in candidates if isinstance(candidate, Place))


class _Block:
    """Writes the statements for a run of items."""

    def __init__(self, items: list[Item], places: list[str], names: Names) -> None:
        """places: file and line that each item comes from."""
        self.items = items
        self.places = places
        self.place = ""
        self.names = names
        self.short = short_branches(items)
        self.incoming: dict[int, list[int]] = {}
        for branch, label in self.short.items():
            self.incoming.setdefault(label, []).append(branch)
        self.written: list[str] = []
        self.template = bytearray()
        self.patches: list[str] = []

    def lines(self) -> list[str]:
        most = sum(map(longest, self.items))
        for index, item in enumerate(self.items):
            self.place = self.places[index]
            match item:
                case Code() if index in self.short:
                    opcode = 0xEB if item.code == b"\xe9" else item.code[-1] - 0x10
                    self.template += item.code + b"\0" if item.near else bytes([opcode, 0])
                    self.end_template()
                    self.say(f"uint8_t *const sg_branch{index} = sg_p;")
                case Code(target=Place() as target, near=True):
                    self.template += item.code
                    self.end_template()
                    known = self.label(target) if target.kind in _LABELS else "0, true"
                    self.say(f"sg_p = sg_dasm_near(sg_D, sg_p, {known}, {quoted_text(self.place)});")
                case Code() if is_branch(item) and item.target is not None and item.target.kind in _LABELS:
                    self.end_template()
                    self.say(f"sg_p = sg_dasm_branch(sg_D, sg_p, {item.code[-1]:#x}, {self.label(item.target)});")
                case Code():
                    self.code(item)
                case LabelHere(place, address):
                    self.end_template()
                    self.say(f"sg_dasm_define(sg_D, sg_p, {self.label(place)});")
                    if address:
                        self.say(f"sg_dasm_set(sg_D, {self.label(place)}, (uintptr_t)({address}));")
                    for branch in self.incoming.get(index, ()):
                        self.say(f"sg_branch{branch}[-1] = (uint8_t)(sg_p - sg_branch{branch});")
                case Align(size):
                    self.end_template()
                    self.say(f"sg_p = sg_dasm_align(sg_D, sg_p, {size});")
                case Data(values):
                    for value in values:
                        self.immediate(value, 0)
                case Space(count, filler):
                    self.leave()
                    self.say(f"sg_dasm_space(sg_D, (int)({count}), {filler});")
                    self.say(f"sg_p = sg_dasm_begin(sg_D, {most});")
                case Section(number):
                    self.leave()
                    self.say(f"sg_D->section = {number};")
                    self.say(f"sg_p = sg_dasm_begin(sg_D, {most});")
        self.leave()
        head = f"dasm_State *const sg_D = sg_dasm_state(Dst); uint8_t *sg_p = sg_dasm_begin(sg_D, {most});"
        return [f"{{ {head}", *(f"  {line}" for line in self.written), "}"]

    def say(self, statement: str) -> None:
        self.written.append(statement)

    def end_template(self) -> None:
        """Write what was collected, and move the cursor behind it."""
        if self.template:
            self.say(f"memcpy(sg_p, {quoted(self.template)}, {len(self.template)});")
            self.written += self.patches
            self.say(f"sg_p += {len(self.template)};")
        self.template, self.patches = bytearray(), []

    def leave(self) -> None:
        self.end_template()
        self.say("sg_dasm_end(sg_D, sg_p);")

    def at(self, offset: int) -> str:
        return f"sg_p + {offset}" if offset else "sg_p"

    def value(self, expression: int | str, size: int, signed: bool = False) -> str:
        """The value of a C expression as an int. With DASM_CHECKS it is an error when it does not fit so many bytes."""
        return f"SG_DASM_FIT({expression}, {-size if signed else size}, {quoted_text(self.place)})"

    def label(self, place: Place) -> str:
        """The arguments that name a label: its number, and whether it is a PC label."""
        match place.kind:
            case "pc":
                return f"(uint32_t)({place.name}), true"
            case "global":
                return f"{self.names.globals[place.name]}, false"
        return f"{int(place.name) + (_AHEAD if place.ahead else 0)}, false"

    # ---- Instructions ----

    def code(self, item: Code) -> None:
        if item.variables:
            self.variable_code(item)
            return
        start = len(self.template)
        self.template += item.code
        displacement, shrinks = item.displacement, any(i.kind == "shrinks" for i in item.immediates)
        if displacement is not None and displacement.elastic and isinstance(displacement.value, str):
            if shrinks:
                self.fresh(start)
                self.say("{ uint8_t *const sg_i = sg_p;")
            needed = item.code[-1] & 7 == 5
            modrm = f"sg_p - {len(item.code) - item.modrm_at}"
            self.end_template()
            if shrinks:
                modrm = f"sg_i + {item.modrm_at}"
            self.say(
                f"sg_p = sg_dasm_displacement(sg_p, {modrm}, {self.value(displacement.value, 4)}, {_c_bool(needed)});"
            )
            for immediate in item.immediates:
                self.immediate(immediate, 0, f"sg_i + {item.modrm_at - 1}")
            if shrinks:
                self.say("}")
        else:
            self.fixed(item, start)

    def fresh(self, start: int) -> None:
        """Make the instruction that starts at this offset of the template the start of a template."""
        if start:
            rest, self.template = self.template[start:], self.template[:start]
            self.end_template()
            self.template = rest

    def fixed(self, item: Code, start: int) -> None:
        """An instruction whose displacement has a size that is known."""
        displacement = item.displacement
        place: Place | None = item.target
        field_at = len(self.template)
        if displacement is not None:
            match displacement.value:
                case Place() as target:
                    place = target
                case str() as expression:
                    self.patches.append(f"sg_dasm_put32({self.at(field_at)}, (uint32_t){self.value(expression, 4)});")
                    self.template += bytes(4)
                case int() as number:
                    self.template += (number & 0xFFFFFFFF).to_bytes(4, "little")[: displacement.size]
        if place is not None:
            self.template += bytes(4)
        shrinking = [immediate for immediate in item.immediates if immediate.kind == "shrinks"]
        trailing = sum(immediate.size for immediate in item.immediates)
        if place is not None and not shrinking:
            self.patches.append(self.reference(place, self.at(field_at), str(trailing)))
        if not shrinking:
            for immediate in item.immediates:
                self.immediate(immediate, 0)
            return
        length = len(self.template) - start
        self.end_template()
        if place is not None:
            self.say("{ uint8_t *const sg_i = sg_p;")
        opcode = f"sg_p - {length - item.modrm_at + 1}"
        for immediate in item.immediates:
            self.immediate(immediate, 0, opcode)
        if place is not None:
            self.say(self.reference(place, "sg_i - 4", "(uint32_t)(sg_p - sg_i)"))
            self.say("}")

    def reference(self, place: Place, where: str, trailing: str, absolute: bool = False) -> str:
        """The statement that notes a field as one that refers to a place."""
        match place.kind:
            case "pointer":
                return f"sg_dasm_reference_address(sg_D, {where}, (uintptr_t)({place.name}), {trailing});"
            case "extern":
                index = self.names.externs[place.name]
                return f"sg_dasm_reference_extern(sg_D, {where}, {index}, {trailing}, {_c_bool(not absolute)});"
        return f"sg_dasm_reference(sg_D, {where}, {self.label(place)}, {trailing}, {_c_bool(absolute)});"

    def immediate(self, immediate: Immediate, trailing: int, opcode: str = "") -> None:
        at = len(self.template)
        match immediate.value:
            case int() as number:
                self.template += (number & (1 << immediate.size * 8) - 1).to_bytes(immediate.size, "little")
            case Place() as place:
                self.template += bytes(immediate.size)
                self.patches.append(self.reference(place, self.at(at), str(trailing), True))
            case str() as expression if immediate.kind == "shrinks":
                self.end_template()
                self.say(
                    f"sg_p = sg_dasm_immediate(sg_p, {opcode}, {self.value(expression, immediate.size)}, {immediate.size});"
                )
            case str() as expression if immediate.kind == "register":
                self.template += b"\0"
                self.patches.append(f"*({self.at(at)}) = (uint8_t)(({expression}) << 4);")
            case str() as expression:
                self.template += bytes(immediate.size)
                wide = immediate.size == 8
                value = expression if wide else self.value(expression, immediate.size, immediate.kind == "signed")
                self.patches.append(_STORES[immediate.size].format(at=self.at(at), value=value))

    # ---- Instructions with registers that are not known ----

    def variable_code(self, item: Code) -> None:
        """Prefix, opcode and operands one after the other, each as the registers' numbers demand."""
        self.end_template()
        self.say("{")
        self.written += numbers(item, quoted_text(self.place))
        body = item.prefix_end
        self.written += prefix(item)
        self.say("uint8_t *const sg_i = sg_p;")
        self.say(f"memcpy(sg_p, {quoted(item.code[body:])}, {len(item.code) - body});")
        self.written += fields(item)
        self.say(f"sg_p += {len(item.code) - body};")
        opcode = f"sg_i + {item.modrm_at - body - 1}"
        base = [number for number, variable in enumerate(item.variables) if variable.field in ("address", "base")]
        if base and item.variables[base[0]].field == "address":
            self.say(f"if ((sg_r{base[0]} & 7) == 4) {{ *sg_p++ = 0x24; }}")
        target: Place | None = None
        match item.displacement:
            case Displacement(value=Place() as target):
                self.template += bytes(4)
            case Displacement(value=(int() | str()) as value, elastic=True):
                needed = f"(sg_r{base[0]} & 7) == 5" if base else _c_bool(item.code[-1] & 7 == 5)
                self.say(f"sg_p = sg_dasm_displacement(sg_p, {opcode} + 1, {self.value(value, 4)}, {needed});")
            case Displacement(value=str() as expression):
                self.patches.append(f"sg_dasm_put32(sg_p, (uint32_t){self.value(expression, 4)});")
                self.template += bytes(4)
            case Displacement(value=int() as number, size=size):
                self.template += (number & 0xFFFFFFFF).to_bytes(4, "little")[:size]
        if target is not None:
            self.end_template()
            self.say("uint8_t *const sg_f = sg_p;")
        for immediate in item.immediates:
            self.immediate(immediate, 0, opcode)
        self.end_template()
        if target is not None:
            self.say(self.reference(target, "sg_f - 4", "(uint32_t)(sg_p - sg_f)"))
        self.say("}")


_LABELS = ("local", "global", "pc")
_STORES = {
    1: "*({at}) = (uint8_t){value};",
    2: "sg_dasm_put16({at}, (uint32_t){value});",
    4: "sg_dasm_put32({at}, (uint32_t){value});",
    8: "sg_dasm_put64({at}, (uint64_t)({value}));",
}


def _c_bool(value: bool) -> str:
    return "true" if value else "false"
