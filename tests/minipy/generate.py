"""Random programs that run: well-typed but for what is wrong on purpose, and sure to end.

Every name has a kind, and an expression of a kind is built from names and expressions of kinds that fit. `number` stands
for a variable that may hold an int, a float or a bool at different times: that is what makes traces leave. Loops count,
lists stop growing, and ints are reduced often enough, so that a program ends soon and mostly without OverflowError.
Rarely an index or a divisor is taken as it comes, or a list or None is put where a number was.
"""

from collections.abc import Callable, Sequence
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
CLASSES: Final = """\
class Cell:
    def __init__(self, value):
        self.value = value
        self.count = 0

    def step(self, amount):
        self.count += 1
        self.value = self.value + amount
        return self.value


class Ring:
    def __init__(self, value):
        self.count = 1
        self.extra = value
        self.value = value

    def step(self, amount):
        self.count += 2
        if self.count % 3 == 0:
            self.value = amount
        return self.value * 0.5


"""


class Program:
    """One random program; `text` is its source.

    errors: how likely, per index and division, that nothing keeps it from failing. classes: whether objects occur.
    """

    def __init__(self, random: Random, *, errors: float = 0.01, classes: bool = False) -> None:
        self.random = random
        self.errors = errors
        self.classes = classes
        self.lines: list[str] = []
        self.depth = 0
        self.loops: list[str] = []
        self.names = {kind: list(names) for kind, names in NAMES.items() if classes or kind != "object"}
        self.functions: list[tuple[str, tuple[str, ...]]] = []
        self.calls_left = 0
        self.lines += ["from math import sqrt", "", ""]
        if classes:
            self.lines += [*CLASSES.rstrip().splitlines(), "", ""]
        for number in range(random.randint(0, 3)):
            self._function(f"g{number}")
        if random.random() < 0.5:
            self._line("def main():")
            with_main = True
            self.depth += 1
        else:
            with_main = False
        self._body()
        if with_main:
            self.depth -= 1
            self._line("")
            self._line("")
            self._line("main()")
        self.text = "\n".join(self.lines) + "\n"

    # ---- helpers ----

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text if text else "")

    def _chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def _pick(self, choices: Sequence[str]) -> str:
        return self.random.choice(choices)

    def _name(self, kind: str) -> str:
        return self._pick(self.names[kind])

    # ---- the frame: functions, and what the main program begins and ends with ----

    def _function(self, name: str) -> None:
        """A function of one to three parameters, whose body is small, since loops will call it."""
        outer = self.names
        kinds = [self._pick(("int", "float", "number", "numbers")) for _ in range(self.random.randint(1, 3))]
        parameters = [f"a{i}" for i in range(len(kinds))]
        self.names = {kind: [p for p, k in zip(parameters, kinds, strict=True) if k == kind] for kind in outer}
        default = " = 1.5" if kinds[-1] in ("float", "number") and self._chance(0.3) else ""
        self._line(f"def {name}({', '.join(parameters)}{default.replace(' ', '')}):")
        self.depth += 1
        for kind in ("int", "float", "number"):
            local = f"v_{kind}"
            self._line(f"{local} = {self._expression(kind, 1)}")
            self.names[kind].append(local)
        for kind in ("ints", "floats", "numbers", "pair", "object"):
            if kind in outer and not self.names[kind]:
                self.names.pop(kind)
        for _ in range(self.random.randint(0, 2)):
            self._statement(2)
        self._line(f"return {self._expression('number', 2)}")
        self.depth -= 1
        self._line("")
        self._line("")
        self.names = outer
        self.functions.append((name, tuple(kinds[:-1] if default and self._chance(0.5) else kinds)))

    def _body(self) -> None:
        for kind, names in self.names.items():
            for name in names:
                self._line(f"{name} = {self._fresh(kind)}")
        for _ in range(self.random.randint(1, 3)):
            if self._chance(0.3):
                self._statement(0)
            self._loop(0)
        for kind, names in self.names.items():
            for name in names:
                self._line(f"print({name}.value, {name}.count)" if kind == "object" else f"print({name})")

    def _fresh(self, kind: str) -> str:
        """A value without any variable in it."""
        random = self.random
        if kind in ("int", "float"):
            return self._pick(CONSTANTS[kind])
        if kind == "number":
            return self._pick(CONSTANTS["int"] + CONSTANTS["float"] + ("True", "False"))
        if kind == "pair":
            return f"({self._fresh('number')}, {self._fresh('number')})"
        if kind == "object":
            return f"{self._pick(('Cell', 'Ring'))}({self._fresh('number')})"
        element = kind.removesuffix("s")
        return "[" + ", ".join(self._fresh(element) for _ in range(random.randint(1, 9))) + "]"

    # ---- expressions ----

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

    # ---- statements ----

    def _statement(self, depth: int) -> None:
        choices: tuple[Callable[[], None], ...] = (self._assign, self._augment) * 4
        choices += (self._branch,) * 2 + (self._list,) * 3
        choices += (self._pair, self._swap, self._change_type, self._print)
        if depth < 3:
            choices += (lambda: self._loop(depth),)
        if self.names.get("object"):
            choices += (self._object,) * 3
        self.random.choice(choices)()

    def _block(self, depth: int, most: int = 4) -> None:
        self.depth += 1
        for _ in range(self.random.randint(1, most)):
            self._statement(depth)
        if self.loops and self._chance(0.1):
            self._line(f"if {self._expression('bool', 1)}:")
            self.depth += 1
            self._line(self._pick(("break", "continue")))
            self.depth -= 1
        self.depth -= 1

    def _target(self) -> tuple[str, str]:
        kind = self._pick(("int", "float", "number", "number"))
        return kind, self._name(kind)

    def _assign(self) -> None:
        kind, name = self._target()
        self._line(f"{name} = {self._expression(kind, 2)}")

    def _augment(self) -> None:
        kind, name = self._target()
        match kind:
            case "int":
                self._line(f"{name} {self._pick(('+=', '-=', '^=', '|='))} {self._expression('int', 1)} % 1000003")
            case "float":
                self._line(f"{name} {self._pick(('+=', '-=', '*='))} {self._expression('number', 1)}")
            case _:
                self._line(f"{name} {self._pick(('+=', '-='))} {self._expression('number', 1)} % 1000")
        if self._chance(0.2):
            self._line(f"{name} {self._pick(('//=', '%='))} {self._divisor('int' if kind == 'int' else 'float', 1)}")

    def _branch(self) -> None:
        self._line(f"if {self._expression('bool', 2)}:")
        self._block(3, 2)
        if self._chance(0.3):
            self._line(f"elif {self._expression('bool', 1)}:")
            self._block(3, 2)
        if self._chance(0.5):
            self._line("else:")
            self._block(3, 2)

    def _list(self) -> None:
        kinds = [kind for kind in ("ints", "floats", "numbers") if self.names.get(kind)]
        if not kinds:
            return self._assign()
        kind = self._pick(kinds)
        name = self._name(kind)
        value = self._expression(kind.removesuffix("s"), 2)
        if kind == "ints":
            value = f"{value} % 1000003"
        match self.random.randrange(5):
            case 0 | 1:
                self._line(f"if len({name}) < {self.random.randint(5, 40)}:")
                self._line(f"    {name}.append({value})")
            case 2:
                self._line(f"{self._item(name)} = {value}")
            case 3:
                self._line(f"{self._item(name)} {self._pick(('+=', '-='))} {value} % 1000")
            case _:
                self._line(f"{name} = {self._fresh(kind)}" if self._chance(0.3) else f"{name} = {name} + []")

    def _pair(self) -> None:
        if not self.names.get("pair"):
            return self._swap()
        if self._chance(0.5):
            self._line(f"{self._name('pair')} = ({self._expression('number', 1)}, {self._expression('number', 2)})")
        else:
            self._line(f"{self._name('number')}, {self._name('number')} = {self._name('pair')}")

    def _swap(self) -> None:
        kind = self._pick(("int", "float", "number"))
        self._line(f"{self._name(kind)}, {self._name(kind)} = {self._expression(kind, 1)}, {self._expression(kind, 1)}")

    def _change_type(self) -> None:
        name = self._name("number")
        new = self._pick((f"float({name} % 1000)", f"int({self._leaf('int')})", f"{name} > 1", "0.5", "3"))
        if self._chance(self.errors * 3):
            new = self._pick(("[0.5]", "None"))
        condition = f"{self._pick(self.loops)} == {self.random.randint(0, 100)}" if self.loops else "True"
        self._line(f"if {condition}:")
        self._line(f"    {name} = {new}")

    def _print(self) -> None:
        shown = f"print({self._expression('number', 1)}, {self._leaf('number')})"
        if self.loops:
            self._line(f"if {self.loops[-1]} % 17 == 3:")
            self._line(f"    {shown}")
        else:
            self._line(shown)

    def _object(self) -> None:
        name = self._name("object")
        match self.random.randrange(4):
            case 0:
                self._line(f"{name}.value = {self._expression('number', 2)}")
            case 1:
                self._line(f"{name}.count += 1")
            case 2:
                self._line(f"{name}, {self._name('object')} = {self._name('object')}, {name}")
            case _:
                self._line(f"{self._name('number')} = {name}.step({self._expression('number', 1)} % 1000)")

    def _loop(self, depth: int) -> None:
        """Outermost loops are long enough to become hot."""
        if len(self.loops) > 2:
            return self._assign()
        variable = f"k{len(self.loops)}"
        count = self.random.randint(*((20, 130), (1, 12), (1, 4))[min(depth + len(self.loops), 2)])
        lists = [name for kind in ("ints", "floats", "numbers") for name in self.names.get(kind, ())]
        form = self.random.randrange(5)
        self.loops.append(variable)
        if form == 0:
            self._line(f"{variable} = 0")
            self._line(f"while {variable} < {count}:")
            self._line(f"    {variable} += 1")
        elif form == 1:
            step = self._pick(("1", "2", "-1", "-3"))
            bounds = f"{count}, 0" if step.startswith("-") else f"0, {count}"
            self._line(f"for {variable} in range({bounds}, {step}):")
        elif form == 2 and lists and depth > 0:
            self._line(f"{variable} = 0")
            self._line(f"for e{variable} in {self._pick(lists)}:")
            self._line(f"    {variable} += 1")
            self._line(f"    if {variable} > 20:")
            self._line("        break")
            self._line(f"    {self._name('number')} = e{variable}")
        else:
            self._line(f"for {variable} in range({count}):")
        self._block(depth + 1, 6 if depth == 0 else 3)
        self.loops.pop()
        if self._chance(0.15):
            self._line("else:")
            self._block(3, 1)


def random_program(seed: int, *, errors: float = 0.01, classes: bool = False) -> str:
    """The program of a seed; the same seed gives the same program."""
    return Program(Random(seed), errors=errors, classes=classes).text
