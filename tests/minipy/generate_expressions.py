"""Random expressions of a kind: built from names, constants and expressions of kinds that fit.

The forms of each kind are a table. A form is chosen first and only then filled in, so that every decision shows in the
program: hypothesis, which makes the decisions, then neither tries two that give the same program nor shrinks in vain.
"""

import re
from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")

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

# $kind is an expression of that kind, one level deeper; other words are entries of CHOICES or methods of Expressions.
FORMS: Final = {
    "int": (
        "($int % $modulus + $int % $modulus)",
        "($int % 1000003 - $int % 1000003)",
        "($int % 65536 * ($int % 65536))",
        "($int // $int_divisor)",
        "($int % $int_divisor)",
        "(-($int % $modulus))",
        "abs($int % 1000)",
        "min($int, $int)",
        "max($int, $int)",
        "($int if $bool else $int)",
        "($int & $int)",
        "($int ^ $int)",
        "($int | $int)",
        "(~$int)",
        "($int % 65536 << $left_shift)",
        "($int >> $right_shift)",
        "(($int % 100) ** $power)",
        "int($int)",
    ),
    "float": (
        "($float + $real)",
        "($real - $float)",
        "($float * $real)",
        "($float / $float_divisor)",
        "($float // $float_divisor)",
        "($float % $float_divisor)",
        "($int / $int_divisor)",
        "(-$float)",
        "abs($float)",
        "sqrt(abs($real))",
        "float($real)",
        "max($float, $float)",
        "($float if $bool else $float)",
        "(($float % 100.0) ** $exponent)",
    ),
    "number": (
        "($number % 10007 + $number)",
        "($number - $number)",
        "($number % 10007 * ($number % 10007))",
        "($number / $int_divisor)",
        "($number // $float_divisor)",
        "min($number, $number)",
        "max($number, $number)",
        "($number if $bool else $number)",
        "($number and $number)",
        "($number or $number)",
    ),
    "bool": (
        "($number $comparison $number)",
        "($number $comparison $number)",
        "($small_int % $small_modulus == $bit)",
        "($number < $number $comparison $int)",
        "(not $bool)",
        "($bool and $bool)",
        "($bool or $bool)",
    ),
    "text": (
        "str($number_leaf)",
        "($text_name + $text_constant if len($text_name) < 20 else $text_constant)",
        "($text_name + 'x')[$small_int % (len($text_name) or 1)]",
        "repr($text_name)[-1]",
        'f"{$number_leaf}:{$text_name}"[-1]',
        "$text_constant * ($small_int % 4)",
    ),
}
RISKY_INTS: Final = (
    "($int * $int)",
    "($int + $int)",
    "($int - $int)",
    "($int << $small_int % 70)",
    "(-$int)",
    "abs($int)",
    "int($float)",
)
"""Those that may overflow, or have no result at all."""

CHOICES: Final = {
    "modulus": tuple(map(str, MODULI)),
    "left_shift": ("0", "3", "17"),
    "right_shift": ("0", "1", "5", "70"),
    "power": ("0", "1", "2", "3"),
    "exponent": ("0", "1", "2", "0.5"),
    "comparison": ("<", "<=", "==", "!=", ">", ">="),
    "small_modulus": ("2", "3", "5"),
    "bit": ("0", "1"),
    "text_constant": TEXTS,
}


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

    # ---- decisions: small ints, the smallest of which is what a failing program is shrunk towards ----

    def _chance(self, probability: float) -> bool:
        return self.random.randint(0, 999) >= 1000 - round(probability * 1000)

    def _pick(self, choices: Sequence[T]) -> T:
        return choices[self.random.randint(0, len(choices) - 1)]

    def _fill(self, form: str, depth: int) -> str:
        """A form with its fields filled in, from left to right."""
        return re.sub(r"\$(\w+)", lambda field: self._field(field[1], depth), form)

    def _field(self, field: str, depth: int) -> str:
        if field in CHOICES:
            return self._pick(CHOICES[field])
        match field:
            case "real":
                return self._expression(self._pick(("float", "float", "int")), depth)
            case "small_int":
                return self._small_int()
            case "int_divisor":
                return self._divisor("int", depth)
            case "float_divisor":
                return self._divisor("float", depth)
            case "int_leaf" | "float_leaf" | "number_leaf":
                return self._leaf(field.removesuffix("_leaf"))
            case "text_name":
                return self._name("text")
            case _:
                return self._expression(field, depth)

    # ---- names and constants ----

    def _name(self, kind: str) -> str:
        return self._pick(self.names[kind])

    def _fresh(self, kind: str) -> str:
        """A value without any variable in it."""
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
        return "[" + ", ".join(self._fresh(element) for _ in range(self.random.randint(1, 9))) + "]"

    def _item(self, sequence: str) -> str:
        if self._chance(self.errors):
            return f"{sequence}[{self._leaf('int')}]"
        if self._chance(0.3):
            return f"{sequence}[{self._pick(('0', '-1'))}]"
        return f"{sequence}[{self._small_int()} % len({sequence})]"

    def _small_int(self) -> str:
        names = self.loops + self.names.get("int", [])
        return self._pick(names) if names else "1"

    def _leaf(self, kind: str) -> str:
        if kind == "bool":
            return f"({self._leaf('number')} {self._pick(('<', '>=', '==', '!='))} {self._leaf('number')})"
        element_of = {"int": "ints", "float": "floats", "number": "numbers"}[kind]
        if kind == "number" and self.perhaps and self._chance(self.errors * 5):
            return self._pick(self.perhaps)
        choices = ["constant"] * 2 + list(self.names.get(kind, ())) * 2
        choices += (self.loops * 2 if kind == "int" else []) + (["item"] if self.names.get(element_of) else [])
        if kind in ("int", "number"):
            choices += [other for other in ("pair", "text", "object") if self.names.get(other)]
        chosen = self._pick(choices)
        match chosen:
            case "constant":
                return self._pick(CONSTANTS[kind if kind in CONSTANTS else "int"])
            case "item":
                return self._item(self._name(element_of))
            case "pair" if kind == "number":
                return f"{self._name('pair')}[{self._pick(('0', '1', '-1', '-2'))}]"
            case "pair":
                return f"len({self._name('pair')})"
            case "text":
                return f"len({self._name('text')})"
            case "object":
                return f"{self._name('object')}.{'value' if kind == 'number' else 'count'}"
        return chosen

    # ---- expressions ----

    def _expression(self, kind: str, depth: int) -> str:
        """An expression of a kind; a `number`'s may be of any of the kinds of numbers."""
        if kind == "number":
            kind = self._pick(("number", "number", "int", "float", "bool"))
        if kind == "text":
            return self._fill(self._pick(FORMS["text"]), depth)
        if depth <= 0 or not self._chance(0.85):  # 0 gives the simpler one
            return self._leaf(kind)
        if kind == "int" and self._chance(self.errors):
            return self._fill(self._pick(RISKY_INTS), depth - 1)
        if kind == "number" and self.functions and self._chance(0.1):
            return self._call(depth)
        if kind == "number" and self.names.get("object") and self._chance(0.1):
            return self._fill(f"{self._name('object')}.step($number % 1000)", depth - 1)
        if kind == "bool" and self.names.get("text") and self._chance(0.1):
            return self._fill(f"($text_name {self._pick(('$comparison', 'in', 'not in'))} $text)", depth - 1)
        return self._fill(self._pick(FORMS[kind]), depth - 1)

    def _divisor(self, kind: str, depth: int) -> str:
        if self._chance(self.errors):
            return f"({self._expression(kind, depth)})"
        if kind == "int":
            return self._fill(self._pick(("2", "3", "-7", "1000", "(abs($int_leaf % 1000) + 1)")), depth)
        return self._fill(self._pick(("2", "0.3", "-7.5", "1e5", "(abs($float_leaf) + 0.5)")), depth)

    def _call(self, depth: int) -> str:
        name, kinds = self._pick(self.functions)
        arguments = []
        for kind in kinds:
            if kind == "numbers":
                lists = [n for k in ("ints", "floats", "numbers") for n in self.names.get(k, ())]
                arguments.append(self._pick(lists) if lists else "[1, 2.5]")
            else:
                arguments.append(self._expression(kind, depth - 1))
        return f"{name}({', '.join(arguments)}) % 1000003"
