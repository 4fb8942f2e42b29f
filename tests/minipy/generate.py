"""Random programs that run: well-typed but for what is wrong on purpose, and sure to end.

Every name has a kind, and an expression of a kind is built from names and expressions of kinds that fit. `number` stands
for a variable that may hold an int, a float or a bool at different times: that is what makes traces leave. Loops count,
lists stop growing, and ints are reduced often enough, so that a program ends soon and mostly without OverflowError.
Rarely an index or a divisor is taken as it comes, or a list or None is put where a number was.
"""

from collections.abc import Callable
from random import Random, SystemRandom
from typing import Final

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy, randoms, sampled_from

from tests.minipy.generate_expressions import NAMES, TEXTS, Expressions
from tests.minipy.running import MODES

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


class Program(Expressions):
    """One random program; `text` is its source. `random` makes every decision: hypothesis's, or one with a seed."""

    def __init__(self, random: Random, *, errors: float = 0.01, classes: bool = False) -> None:
        names = {kind: list(names) for kind, names in NAMES.items() if classes or kind != "object"}
        super().__init__(random, errors, names)
        self.lines: list[str] = []
        self.in_definition = False
        self.depth = 0
        self.lines += ["from math import sqrt", "", ""]
        if classes:
            self.lines += [*CLASSES.rstrip().splitlines(), "", ""]
        in_function = self._chance(0.5)
        for number in range(random.randint(0, 3)):
            self._function(f"g{number}", may_change_globals=not in_function)
        if in_function:
            self._line("def main():")
            self.depth += 1
            self._body()
            self.depth -= 1
            self.lines += ["", "", "main()"]
        else:
            self._body()
        self.text = "\n".join(self.lines) + "\n"

    # ---- helpers ----

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text if text else "")

    # ---- the frame: functions, and what the main program begins and ends with ----

    def _function(self, name: str, may_change_globals: bool) -> None:
        """A function of one to three parameters, whose body is small, since loops will call it."""
        outer, self.in_definition = self.names, True
        kinds = [self._pick(("int", "float", "number", "numbers")) for _ in range(self.random.randint(1, 3))]
        parameters = [f"a{i}" for i in range(len(kinds))]
        self.names = {kind: [p for p, k in zip(parameters, kinds, strict=True) if k == kind] for kind in outer}
        default = " = 1.5" if kinds[-1] in ("float", "number") and self._chance(0.3) else ""
        self._line(f"def {name}({', '.join(parameters)}{default.replace(' ', '')}):")
        self.depth += 1
        if may_change_globals and self._chance(0.4):
            self._line(f"global {outer['number'][0]}")
            self._line(f"{outer['number'][0]} = {self._expression('number', 1)}")
        for kind in ("int", "float", "number"):
            local = f"v_{kind}"
            self._line(f"{local} = {self._expression(kind, 1)}")
            self.names[kind].append(local)
        for kind in ("ints", "floats", "numbers", "pair", "text", "object"):
            if kind in outer and not self.names[kind]:
                self.names.pop(kind)
        for _ in range(self.random.randint(0, 2)):
            self._statement(2)
        self._line(f"return {self._expression('number', 2)}")
        self.depth -= 1
        self._line("")
        self._line("")
        self.names, self.in_definition = outer, False
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

    # ---- statements ----

    def _statement(self, depth: int) -> None:
        choices: tuple[Callable[[], None], ...] = (self._assign, self._augment) * 4
        choices += (self._branch,) * 2 + (self._list,) * 3
        choices += (self._pair, self._swap, self._change_type, self._print, self._comprehend, self._perhaps)
        if self.names.get("text"):
            choices += (self._assign_text,) * 2
        if depth < 3:
            choices += (lambda: self._loop(depth),)
        if self.names.get("object"):
            choices += (self._object,) * 3
        self._pick(choices)()

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
        match self.random.randint(0, 4):
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

    def _assign_text(self) -> None:
        name = self._name("text")
        if self._chance(0.8):
            return self._line(f"{name} = {self._expression('text', 1)}")
        self._line(f"for c in {name}:")
        self._line(f"    {self._name('number')} = {self._pick(('1', '0.5'))} if c == {self._pick(TEXTS)} else len(c)")

    def _comprehend(self) -> None:
        lists = [name for kind in ("ints", "floats", "numbers") for name in self.names.get(kind, ())]
        if not self.names.get("numbers") or not lists:
            return self._assign()
        target, source = self._name("numbers"), self._pick(lists)
        self.names["number"].append("e")
        element, condition = self._expression("number", 1), self._expression("bool", 1)
        self.names["number"].pop()
        self._line(f"{target} = [{element} for e in {source} if {condition}] + [1]")

    def _perhaps(self) -> None:
        """A variable that only has a value if a condition holds."""
        name = f"u{len(self.perhaps) % 3}"
        self._line(f"if {self._expression('bool', 1)}:")
        self._line(f"    {name} = {self._expression('number', 1)}")
        if name not in self.perhaps and not self.in_definition:
            self.perhaps.append(name)

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
        match self.random.randint(0, 3):
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
        form = self.random.randint(0, 4)
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


def programs(*, errors: float = 0.01, classes: bool = False) -> SearchStrategy[str]:
    """Sources of programs. errors: see Expressions; classes: whether objects occur."""
    return randoms(use_true_random=False).map(lambda random: Program(random, errors=errors, classes=classes).text)


def each_program(
    check: Callable[[str, str], None], count: int, first_seed: int, *, errors: float, classes: bool, long: bool
) -> None:
    """Call check(program, mode) for so many programs; one that fails is made small. `long`: from a new seed, printed."""
    number = SystemRandom().getrandbits(32) if long else first_seed
    print(f"\n{count} programs from seed {number}")

    @seed(number)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(program=programs(errors=errors, classes=classes), mode=sampled_from(sorted(MODES)))
    def each(program: str, mode: str) -> None:
        check(program, mode)

    each()
