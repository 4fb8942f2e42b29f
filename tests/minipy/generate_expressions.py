"""Random expressions of a kind: built from names, constants and expressions of kinds that fit."""

from collections.abc import Sequence
from random import Random
from typing import Final

NAMES: Final = {
    "int": ("i0", "i1", "i2"),
    "float": ("f0", "f1"),
    "number": ("n0", "n1", "n2"),
    "ints": ("xs",),
    "floats": ("fs",),
    "numbers": ("ns", "ms"),
    "pair": ("p0", "p1"),
    "text": ("t0", "t1"),
    "object": ("o0", "o1"),
}
MODULI: Final = (2, 3, 7, 10, 97, 1000, 65536, 1000003, 2**31, 2**62 - 57, 2**62 + 135)
CONSTANTS: Final = {
    "int": (
        "0",
        "1",
        "2",
        "3",
        "-1",
        "7",
        "10",
        "255",
        "-1000",
        "65537",
        "4611686018427387903",
        "-4611686018427387904",
    ),
    "float": ("0.0", "0.5", "1.0", "-1.5", "2.0", "0.1", "1e10", "-0.0", "3.25", "1e300", "1e-300"),
}
TEXTS: Final = ('""', '"a"', '"ab"', '"b a"', "'\"'", '"x\\n"', '"0"', '"-1"', '"a\\0b"')


class Expressions:
    """Makes expressions.

    names: those in use, by kind. loops: variables that count. functions: name and kinds of the parameters.
    perhaps: names that may have no value. errors: how likely, per index and division, that nothing keeps it from failing.
    """

    def __init__(self, random: Random, errors: float, names: dict[str, list[str]]) -> None:
        self.random = random
        self.errors = errors
        self.names = names
        self.loops: list[str] = []
        self.perhaps: list[str] = []
        self.functions: list[tuple[str, tuple[str, ...]]] = []

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _pick(self, choices: Sequence[str]) -> str:
        return self.random.choice(choices)

    def _name(self, kind: str) -> str:
        return self._pick(self.names[kind])

    def _fresh(self, kind: str) -> str:
        """A value without any variable in it."""
        random = self.random
        if kind in ("int", "float"):
            return self._pick(CONSTANTS[kind])
        if kind == "number":
            return self._pick(CONSTANTS["int"] + CONSTANTS["float"] + ("True", "False"))
        if kind == "text":
            return self._pick(TEXTS)
        if kind == "pair":
            return f"({self._fresh('number')}, {self._fresh('number')})"
        if kind == "object":
            return f"{self._pick(('Cell', 'Ring'))}({self._fresh('number')})"
        element = kind.removesuffix("s")
        return "[" + ", ".join(self._fresh(element) for _ in range(random.randint(1, 9))) + "]"

    def _expression(self, kind: str, depth: int) -> str:
        """An expression of a kind; a `number`'s may be of any of the kinds of numbers."""
        if kind == "number":
            kind = self._pick(("number", "number", "int", "float", "bool"))
        if depth <= 0 or self._chance(0.15):
            return self._leaf(kind)
        match kind:
            case "int":
                return self._int(depth)
            case "float":
                return self._float(depth)
            case "bool":
                return self._bool(depth)
            case "number":
                return self._number(depth)
        raise AssertionError(kind)

    def _leaf(self, kind: str) -> str:
        if kind == "bool":
            return f"({self._leaf('number')} {self._pick(('<', '>=', '==', '!='))} {self._leaf('number')})"
        element_of = {"int": "ints", "float": "floats", "number": "numbers"}[kind]
        choices = list(self.names.get(kind, ()))
        if kind == "int":
            choices += self.loops * 2
        if self.names.get(element_of):
            choices.append(self._item(self._name(element_of)))
        if kind == "number" and self.names.get("pair"):
            choices.append(f"{self._name('pair')}[{self._pick(('0', '1', '-1', '-2'))}]")
        if kind == "number" and self.names.get("object"):
            choices.append(f"{self._name('object')}.value")
        if kind == "number" and self.perhaps and self._chance(self.errors * 5):
            choices = self.perhaps
        if kind == "int" and self.names.get("text"):
            choices.append(f"len({self._name('text')})")
        if kind == "int" and self.names.get("object"):
            choices.append(f"{self._name('object')}.count")
        if not choices or self._chance(0.25):
            return self._pick(CONSTANTS[kind if kind in CONSTANTS else "int"])
        return self._pick(choices)

    def _item(self, sequence: str) -> str:
        if self._chance(self.errors):
            return f"{sequence}[{self._leaf('int')}]"
        if self._chance(0.3):
            return f"{sequence}[{self._pick(('0', '-1'))}]"
        return f"{sequence}[{self._small_int()} % len({sequence})]"

    def _small_int(self) -> str:
        names = self.loops + self.names.get("int", [])
        return self._pick(names) if names else "1"

    def _divisor(self, kind: str, depth: int) -> str:
        if self._chance(self.errors):
            return f"({self._expression(kind, depth)})"
        if kind == "int":
            return self._pick(("2", "3", "-7", "1000", f"(abs({self._leaf('int')} % 1000) + 1)"))
        return self._pick(("2", "0.3", "-7.5", "1e5", f"(abs({self._leaf('float')}) + 0.5)"))

    def _int(self, depth: int) -> str:
        left = self._expression("int", depth - 1)
        right = self._expression("int", depth - 1)
        reduced = self._pick(tuple(map(str, MODULI)))
        if self._chance(self.errors):
            return self._pick((f"({left} * {right})", f"({left} + {right})", f"({left} - {right})", f"abs({left})"))
        forms = (
            f"({left} % {reduced} + {right} % {reduced})",
            f"({left} % 1000003 - {right} % 1000003)",
            f"({left} % 65536 * ({right} % 65536))",
            f"({left} // {self._divisor('int', depth - 1)})",
            f"({left} % {self._divisor('int', depth - 1)})",
            f"(-({left} % {reduced}))",
            f"abs({left} % 1000)",
            f"min({left}, {right})",
            f"max({left}, {right})",
            f"({left} if {self._expression('bool', depth - 1)} else {right})",
            f"({left} & {right})",
            f"({left} ^ {right})",
            f"({left} | {right})",
            f"({left} % 65536 << {self._pick(('0', '3', '17'))})",
            f"({left} >> {self._pick(('0', '1', '5', '70'))})",
            f"(({left} % 100) ** {self._pick(('0', '1', '2', '3'))})",
            f"int({self._expression('float', depth - 1)} % 1000.0)" if self._chance(self.errors) else f"int({right})",
        )
        return self._pick(forms)

    def _float(self, depth: int) -> str:
        kind = self._pick(("float", "float", "int"))
        left = self._expression("float", depth - 1)
        right = self._expression(kind, depth - 1)
        forms = (
            f"({left} + {right})",
            f"({right} - {left})",
            f"({left} * {right})",
            f"({left} / {self._divisor('float', depth - 1)})",
            f"({left} // {self._divisor('float', depth - 1)})",
            f"({left} % {self._divisor('float', depth - 1)})",
            f"({self._expression('int', depth - 1)} / {self._divisor('int', depth - 1)})",
            f"(-{left})",
            f"abs({left})",
            f"sqrt(abs({right}))",
            f"float({right})",
            f"max({left}, {self._expression('float', depth - 1)})",
            f"({left} if {self._expression('bool', depth - 1)} else {self._expression('float', depth - 1)})",
            f"(({left} % 100.0) ** {self._pick(('0', '1', '2', '0.5'))})",
        )
        return self._pick(forms)

    def _number(self, depth: int) -> str:
        left = self._expression("number", depth - 1)
        right = self._expression("number", depth - 1)
        forms = [
            f"({left} % 10007 + {right})",
            f"({left} - {right})",
            f"({left} % 10007 * ({right} % 10007))",
            f"({left} / {self._divisor('int', depth - 1)})",
            f"({left} // {self._divisor('float', depth - 1)})",
            f"min({left}, {right})",
            f"max({left}, {right})",
            f"({left} if {self._expression('bool', depth - 1)} else {right})",
            f"({left} and {right})",
            f"({left} or {right})",
        ]
        if self.functions and self._chance(0.5):
            forms.append(self._call(depth))
        if self.names.get("object"):
            forms.append(f"{self._name('object')}.step({left} % 1000)")
        return self._pick(forms)

    def _call(self, depth: int) -> str:
        name, kinds = self.random.choice(self.functions)
        arguments = []
        for kind in kinds:
            if kind == "numbers":
                lists = [n for k in ("ints", "floats", "numbers") for n in self.names.get(k, ())]
                arguments.append(self._pick(lists) if lists else "[1, 2.5]")
            else:
                arguments.append(self._expression(kind, depth - 1))
        return f"{name}({', '.join(arguments)}) % 1000003"

    def _bool(self, depth: int) -> str:
        left = self._expression("number", depth - 1)
        right = self._expression("number", depth - 1)
        operator = self._pick(("<", "<=", "==", "!=", ">", ">="))
        if self.names.get("text") and self._chance(0.1):
            return f"({self._name('text')} {self._pick((operator, 'in', 'not in'))} {self._text()})"
        forms = (
            f"({left} {operator} {right})",
            f"({left} {operator} {right})",
            f"({self._small_int()} % {self._pick(('2', '3', '5'))} == {self._pick(('0', '1'))})",
            f"({left} < {right} {operator} {self._expression('int', depth - 1)})",
            f"(not {self._expression('bool', depth - 1)})",
            f"({self._expression('bool', depth - 1)} and {self._expression('bool', depth - 1)})",
            f"({self._expression('bool', depth - 1)} or {self._expression('bool', depth - 1)})",
        )
        return self._pick(forms)

    def _text(self) -> str:
        """Short ones."""
        name = self._name("text")
        forms = (
            f"str({self._leaf('number')})",
            f"({name} + {self._pick(TEXTS)} if len({name}) < 20 else {self._pick(TEXTS)})",
            f"({name}[{self._small_int()} % len({name})] if {name} else {self._name('text')})",
            f"repr({name})[-1]",
            f'f"{{{self._leaf("number")}}}:{{{name}}}"[-1]',
            f"{self._pick(TEXTS)} * ({self._small_int()} % 4)",
        )
        return self._pick(forms)
