"""The runtime's table of facts against a model, effect by effect.

The model is a machine whose every value is told apart from every other: what a location holds is a token, a copy the same
token. So it knows two things that the table must agree with. Exactly: what is known of each location. And soundly: nothing
is known of a location but what was once learnt of the very value that it holds.
"""

import ctypes
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from stencilgen import paths
from stencilgen.toolchain.clang import ziglang

HERE = Path(__file__).parent
EFFECTS = (
    *("LEARN", "LEARN_OF_VALUE", "KNOW", "UNLEARN", "FORGET", "COPY", "EXCHANGE", "UNLEARN_EVERYWHERE"),
    *("FORGET_FROM", "FORGET_ALL", "SHIFT", "SHIFT_STACK", "HEAD"),
)
FACTS = 3
ON_STACK = 1 << 30
RARE = {"FORGET_ALL": 0.1, "HEAD": 0.2, "FORGET_FROM": 0.3, "UNLEARN_EVERYWHERE": 0.3}
ALL = (1 << FACTS) - 1
NOWHERE = 1 << 20
"""A location that is not in the table."""


@dataclass(slots=True)
class Model:
    """Locations that keep their place when others get other numbers: in the order of the machine's memory."""

    known: dict[int, int] = field(default_factory=dict)
    token: dict[int, int] = field(default_factory=dict)
    original: dict[int, int] = field(default_factory=dict)  # where a token was when it was first copied
    truth: dict[int, int] = field(default_factory=dict)  # by token
    origins: list[int] = field(default_factory=lambda: [0, 0])
    tokens: count = field(default_factory=count)  # type: ignore[type-arg]

    def place(self, location: int) -> int:
        return location + self.origins[location >= ON_STACK // 2]

    def top(self) -> int:
        return ON_STACK + self.origins[1]

    def at(self, place: int) -> int:
        """The token at a place."""
        return self.token.setdefault(place, next(self.tokens))

    def learn(self, place: int, facts: int) -> None:
        self.known[place] = self.known.get(place, 0) | facts
        self.truth[self.at(place)] = self.truth.get(self.at(place), 0) | facts

    def write(self, place: int) -> None:
        """Another value."""
        self.known.pop(place, None)
        self.token.pop(place, None)

    def do(self, effect: str, first: int, second: int) -> None:
        place = self.place(first)
        match effect:
            case "LEARN":
                self.learn(place, second)
            case "LEARN_OF_VALUE":
                self.learn(place, second)
                original = self.original.get(self.at(place), place)
                if self.at(original) == self.at(place):
                    self.learn(original, second)
            case "KNOW":
                self.write(place)
                self.learn(place, second)
            case "UNLEARN":
                self.known[place] = self.known.get(place, 0) & ~second
            case "FORGET":
                self.write(place)
            case "COPY":
                source = self.place(second)
                self.original.setdefault(self.at(source), source)
                self.token[place] = self.at(source)
                self.known[place] = self.known.get(source, 0)
            case "EXCHANGE":
                other = self.place(second)
                for cells in (self.known, self.token):
                    cells.setdefault(place, self.at(place) if cells is self.token else 0)
                    cells.setdefault(other, self.at(other) if cells is self.token else 0)
                    cells[place], cells[other] = cells[other], cells[place]
            case "UNLEARN_EVERYWHERE":
                self.known = {at: facts & ~second for at, facts in self.known.items()}
            case "FORGET_FROM":
                bounds = [first + origin for origin in self.origins]
                for at in [at for at in self.token if at >= bounds[at >= ON_STACK // 2]]:
                    self.write(at)
            case "FORGET_ALL":
                self.known.clear()
                self.token.clear()
            case "SHIFT":
                self.origins[0] += first
            case "SHIFT_STACK":
                self.origins[1] += first
                for at in [at for at in self.token if at >= self.top()]:
                    self.write(at)
            case "HEAD":  # in the next iteration there may be other values, of which the same is known
                self.token = {at: next(self.tokens) for at in self.token}
                self.truth.update((token, self.known.get(at, 0)) for at, token in self.token.items())


def compile_table(workspace: Path, old: str = "", new: str = "") -> ctypes.CDLL:
    """The runtime with the harness; of the table's source, `old` is replaced."""
    zig = ziglang()
    if zig is None:
        pytest.skip("the ziglang wheel is not installed")
    runtime, library = workspace / "runtime", workspace / "table.so"
    shutil.copytree(paths.runtime(), runtime)
    if old:
        sources = [runtime / "include" / "stencilgen" / "facts.h", runtime / "src" / "facts.c"]
        source = next(path for path in sources if old in path.read_text())
        source.write_text(source.read_text().replace(old, new))
    command = [
        *(str(zig / "zig"), "cc", "-shared", "-fPIC", "-target", "x86_64-linux-gnu", "-std=gnu11", "-O1"),
        *("-Wall", "-Wextra", "-Werror", "-I", str(runtime / "include"), "-I", str(runtime / "src")),
        *map(str, [HERE / "table.c", *sorted((runtime / "src").glob("*.c"))]),
        *("-o", str(library)),
    ]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    loaded = ctypes.CDLL(str(library))
    loaded.table_begin.restype = ctypes.c_bool
    loaded.table_do.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    loaded.table_known.argtypes = [ctypes.c_int64]
    return loaded


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return compile_table(tmp_path_factory.mktemp("table"))


@pytest.mark.parametrize("epoch", [0, 0xFFFFFFFE], ids=["", "epochs begin anew"])
@pytest.mark.parametrize("seed", range(8))
def test_what_is_known_is_what_the_model_knows(table: ctypes.CDLL, seed: int, epoch: int) -> None:
    compare(table, seed, epoch)


@pytest.mark.parametrize("amount", [1, 2, 18432, 18433, 30000, 1 << 28])
def test_what_was_dropped_is_not_known_again(table: ctypes.CDLL, amount: int) -> None:
    """However far the top falls, below all entries that the table has, too."""
    table.table_begin(0)
    table.table_do(EFFECTS.index("LEARN"), ON_STACK - 1, 1)
    table.table_do(EFFECTS.index("SHIFT_STACK"), -amount, 0)
    table.table_do(EFFECTS.index("SHIFT_STACK"), amount, 0)
    assert table.table_known(ON_STACK - 1) == 0


class Loops(ctypes.Structure):
    _fields_ = (("rewinds", ctypes.c_uint32), ("premises", ctypes.c_size_t))


@pytest.mark.parametrize("heads", [1, 8, 9, 100, 2000])
def test_loops_are_assembled_again_a_few_times_at_most(table: ctypes.CDLL, heads: int) -> None:
    """Time is linear in the trace's length."""
    table.table_loops.restype = Loops
    assert 0 < table.table_loops(heads, 3).rewinds <= 8


def test_what_is_known_at_heads_is_bounded(table: ctypes.CDLL) -> None:
    """It takes memory of its own for each of them."""
    table.table_loops.restype = Loops
    assert table.table_loops(4, 1000).premises == 4000
    assert table.table_loops(3000, 1000).premises <= 1 << 17


MUTATIONS = {
    "another value is the one that was copied": (
        "fact->known = fact->value = 0;\n    }\n}",
        "fact->known = 0;\n    }\n}",
    ),
    "a new value is the one that was copied": (
        "fact->known = facts;\n        fact->value = 0;",
        "fact->known = facts;",
    ),
    "a new entry is the one that was there": (
        "fact->known = fact->value = 0;\n        range",
        "fact->known = 0;\n        range",
    ),
    "what a callee has changed is what was copied": ("facts == UINT32_MAX ? 0 : ", ""),
    "what was popped is there": (".epoch = 0;", ".known = 0;"),
    "copies are of one value": ("++as->facts->values", "1"),
    "numbers begin anew in an epoch": ("fact->value = ++as->facts->values", "fact->value = (uint32_t)as->facts->epoch"),
    "what was copied last is told": ("if (fact != NULL && fact->value == 0)", "if (fact != NULL)"),
    "what was copied is not told": ("first->known |= facts", "(void)first"),
    "values that change places are copied": (
        "sg_set_fact(as, one, sg_get_fact(as, other))",
        "sg_copy_facts(as, one, other)",
    ),
    "what was a copy before a loop is one in it": ("fact->value = 0; /*", "/*"),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_another_table_is_found_out(what: str, tmp_path: Path) -> None:
    mutant = compile_table(tmp_path, *MUTATIONS[what])
    with pytest.raises(AssertionError):
        for seed in range(100):
            compare(mutant, seed, 0)


def compare(table: ctypes.CDLL, seed: int, epoch: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        assert table.table_begin(epoch)
        run(table, rng, Model(), rng.choice((8, 30, 80)))


def run(table: ctypes.CDLL, rng: random.Random, model: Model, length: int) -> None:
    locals_, entries = rng.choice((1, 2, 4)), rng.choice((1, 2, 4))
    said: list[tuple[str, int, int]] = []
    locations = [*range(locals_), *range(ON_STACK - entries, ON_STACK + 2)]
    for _ in range(length):
        effect = rng.choice(EFFECTS)
        if rng.random() > RARE.get(effect, 1):
            continue
        first, second = rng.choice(locations), rng.choice(locations)
        if effect.startswith("SHIFT"):
            first = rng.randrange(-2, 3)
        elif effect not in ("COPY", "EXCHANGE"):
            second = rng.randrange(1, ALL + 1)
        said.append((effect, first, second))
        table.table_do(EFFECTS.index(effect), first, second)
        model.do(effect, first, second)
        for location in [*range(-8, 12), *range(ON_STACK - 12, ON_STACK + 4)]:
            place = model.place(location)
            known = table.table_known(location)
            assert known == model.known.get(place, 0), (location, said)
            assert known & ~model.truth.get(model.at(place), 0) == 0, (location, said)


def test_a_copy_from_where_nothing_is_ever_known_is_a_value_of_its_own(table: ctypes.CDLL) -> None:
    table.table_begin(0)
    table.table_do(EFFECTS.index("LEARN"), 1, 1)
    table.table_do(EFFECTS.index("COPY"), 1, NOWHERE)
    assert table.table_known(1) == 0
    table.table_do(EFFECTS.index("LEARN_OF_VALUE"), 1, 2)
    table.table_do(EFFECTS.index("LEARN_OF_VALUE"), NOWHERE, 4)
    assert (table.table_known(1), table.table_known(NOWHERE)) == (2, 0)
