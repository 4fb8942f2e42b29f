"""Random stencils: C without undefined behaviour, so that any two compilers must agree on it.

The key idea: every expression is built for a type it must have, and arithmetic is done in an unsigned type wide enough
not to be promoted; shifts are masked, divisors made positive, reals converted only within range, loops bounded, jumps
use fuel. NaN, whose sign and payload C leaves open, never gets into memory or state.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["STATES", "random_stencils", "state_files"]

STATES: tuple[tuple[str, ...], ...] = (
    ("T", "F", "S", "q"),
    ("T", "d", "S", "f", "F", "w", "d"),
    ("T", "F", "S", "q", "w", "q", "q", "w", "q", "q", "w", "q", "d", "d", "f", "d", "d", "f", "d", "d"),
)
"""Machine states to generate for, one letter a parameter: T thread, F frame, S stack pointer; q 64 and w 32 bits; d f."""

_C_TYPES = {
    "T": "Thread *",
    "F": "uint64_t *",
    "S": "uint64_t *",
    "q": "uint64_t ",
    "w": "uint32_t ",
    "d": "double ",
    "f": "float ",
}
_INTEGERS = ("u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64")
_EDGES = (0, 1, 2, 3, 7, 8, 0x123456789ABCDEF, *(2**bits + d for bits in (7, 8, 15, 16, 31, 32, 63) for d in (-1, 0)))
_REALS = ("0.0", "1.0", "-1.5", "0.1", "1e10", "3.0")


def state_files(state: Sequence[str]) -> dict[str, str]:
    """language.h and state.h of the VM with this machine state."""
    parameters = ", ".join(f"{_C_TYPES[kind]}{name}" for kind, name in _named(state))
    language = f"""\
#include "vm.h"

#define STENCIL_STATE {parameters}
#include <stencilgen/stencil.h>

typedef uint8_t u8;
typedef int8_t i8;
typedef uint16_t u16;
typedef int16_t i16;
typedef uint32_t u32;
typedef int32_t i32;
typedef uint64_t u64;
typedef int64_t i64;

/* Without NaN, whose sign and payload are not defined; and within the range of an integer. */
#define NUMBER(x) __extension__({{ __auto_type number_ = (x); number_ == number_ ? number_ : 0; }})
#define INTEGER(x) __extension__({{ double real_ = (x); real_ > -1e9 && real_ < 1e9 ? (i64)real_ : 0; }})

static const u32 table32[8] = {{3, 0, 0xFFFFFFFF, 7, 0x80000000, 11, 1, 255}};
static const u64 table64[8] = {{5, 0x123456789ABCDEF, 0, ~0ull, 1, 2, 3, 4}};
static const double reals[8] = {{0.5, 1.25, -3.0, 1e9, 0.1, 0.2, 0.3, 7.0}};
static const char *const formats[4] = {{"u", "uu", "du", "ud"}};
"""
    return {"language.h": "#pragma once\n" + language, "state.h": f'#define STATE_KINDS "{"".join(state)}"\n'}


def _named(state: Sequence[str]) -> list[tuple[str, str]]:
    fixed = {"T": "thread", "F": "frame", "S": "sp"}
    return [(kind, fixed.get(kind, f"s{number}")) for number, kind in enumerate(state)]


def random_stencils(seed: int, count: int, state: Sequence[str]) -> dict[str, str]:
    """The stencils' names and sources. The same for the same arguments."""
    return {
        f"R{number}": _Stencil(random.Random(f"{seed} {number}"), state).source(f"R{number}") for number in range(count)
    }


@dataclass(slots=True)
class _Stencil:
    rng: random.Random
    state: Sequence[str]
    locals: dict[str, str] = field(default_factory=dict)
    """Names in scope, by their type."""
    counters: int = 0
    budget: int = 0
    """Statements that may still be made."""

    def source(self, name: str) -> str:
        self.budget = self.rng.choice((2, 4, 8, 14))
        body = []
        if self.rng.random() < 0.25:
            body.append("u64 array[4] = {1, 2, 3, 4};")
            self.locals["array"] = "array"
        while self.budget > 0:
            body += self.statement(1)
        return "\n".join([f"STENCIL({name})", "{", *_indented([*body, *self.end()]), "}"]) + "\n"

    # ---- Statements, as lines ----

    def statement(self, depth: int) -> list[str]:
        self.budget -= 1
        makers: list[tuple[int, Callable[[], list[str]]]] = [
            (4, self.local),
            (6, self.store),
            (4, self.assign_state),
            (3, self.call),
            (2, self.arithmetic),
            (1, self.leave),
            (1, self.move_stack),
            (1, self.copy),
        ]
        if depth < 4:
            makers += [
                (3, lambda: self.branch(depth)),
                (1, lambda: self.switch(depth)),
                (2, lambda: self.loop(depth)),
            ]
        (maker,) = self.rng.choices([maker for _, maker in makers], [weight for weight, _ in makers])
        return maker()

    def block(self, depth: int) -> list[str]:
        outer = dict(self.locals)
        lines = [line for _ in range(self.rng.randrange(1, 4)) for line in self.statement(depth + 1)]
        self.locals = outer
        return _indented(lines)

    def local(self) -> list[str]:
        name = self.fresh("x")
        if self.rng.random() < 0.2:
            line = f"double {name} = NUMBER({self.real(3)});"
            self.locals[name] = "double"
        else:
            kind = self.rng.choice(_INTEGERS)
            line = f"{kind} {name} = {self.integer(kind, 3)};"
            self.locals[name] = kind
        return [line]

    def arithmetic(self) -> list[str]:
        """What C has no operator for: overflow, wide products, the smaller of two."""
        kind, name = self.rng.choice(("i16", "i32", "u32", "i64", "u64")), self.fresh("y")
        left, right = self.integer(kind, 2), self.integer(kind, 2)
        lines = [f"{kind} {name}a = {left}, {name}b = {right}, {name};"]
        match self.rng.randrange(4):
            case 0:
                function = self.rng.choice(("add", "sub", "mul"))
                lines.append(f"thread->u8[5] = __builtin_{function}_overflow({name}a, {name}b, &{name});")
            case 1:
                lines.append(f"{name} = {name}a {self.rng.choice('<>')} {name}b ? {name}a : {name}b;")
            case 2:
                lines.append(
                    f"{name} = ({kind})(((unsigned __int128)(u64){name}a * (u64){name}b) >> {self.rng.randrange(100)});"
                )
            case _:
                lines.append(f"{name} = ({kind})(((__int128)(i64){name}a * (i32){name}b) >> 7);")
        self.locals[name] = kind
        return lines

    def store(self) -> list[str]:
        target, kind = self.place()
        if kind in _INTEGERS:
            operator = self.rng.choice(("=", "=", "=", "+=", "^=", "&=", "|=")) if kind.startswith("u") else "="
            return [f"{target} {operator} {self.integer(kind, 3)};"]
        return [f"{target} = NUMBER({self.real(3) if kind == 'f64' else self.single(3)});"]

    def assign_state(self) -> list[str]:
        kind, name = self.rng.choice(_named(self.state))
        match kind:
            case "q" | "w":
                text = self.integer("u64" if kind == "q" else "u32", 3)
            case "d":
                text = f"NUMBER({self.real(3)})"
            case "f":
                text = f"NUMBER({self.single(3)})"
            case _:
                return self.store()
        return [f"{name} = {text};"]

    def copy(self) -> list[str]:
        """Memory moved as a whole; the two places may be one."""
        source = self.rng.choice(("frame", "vm_global", "thread->u64", "HOLE(u64 *, pointer)", "thread->i64"))
        target = self.rng.choice(("frame + 16", "thread->u64", "HOLE(u64 *, pointer)", "thread->i64 + 4"))
        count = self.rng.choice(("1", "2", "3", "8", f"({self.integer('u8', 1)} & 7)", "HOLE(u16, choice)"))
        return [f"__builtin_memmove({target}, {source}, 8 * (size_t){count});"]

    def move_stack(self) -> list[str]:
        return [self.rng.choice(("sp++;", "sp--;", "*sp++ = frame[HOLE(u8, slot)];", "sp += HOLE(i8, step);"))]

    def call(self) -> list[str]:
        first, second, real = self.integer("u64", 2), self.integer("u64", 1), self.real(2)
        calls = [
            f"vm_note(thread, {self.integer('i8', 2)});",
            f"vm_slow(thread, {first});",
            f"vm_rare({first});",
            f"thread->u64[1] = vm_format(formats[2], {real}, {first}, {second});",
            f"thread->u64[2] = vm_format(formats[{second} & 1], {first}, {first});",
            f"thread->u64[3] = vm_many({first}, {second}, 3, 4, 5, 6, {second}, {real}, {self.integer('i32', 1)});",
            f"thread->f64[3] = vm_real({real}, {second});",
            f"thread->f32[4] = vm_single({self.single(2)});",
        ]
        if "array" in self.locals:
            calls.append(f"vm_fill(array, {first});")
        return [self.rng.choice(calls)]

    def branch(self, depth: int) -> list[str]:
        condition = self.condition(3)
        hint = self.rng.choice(("{}", "{}", "UNLIKELY({})", "LIKELY({})")).format(condition)
        lines = [f"if ({hint}) {{", *self.block(depth)]
        if self.rng.random() < 0.5:
            lines += ["} else {", *self.block(depth)]
        return [*lines, "}"]

    def switch(self, depth: int) -> list[str]:
        subject = self.rng.choice(("HOLE(u16, choice)", f"{self.integer('u32', 2)} & 7", "HOLE(u16, oparg)"))
        lines = [f"switch ({subject}) {{"]
        for case in sorted(self.rng.sample(range(8), self.rng.randrange(2, 7))):
            end = "__attribute__((fallthrough));" if self.rng.random() < 0.2 else "break;"
            lines += [f"case {case}: {{", *self.block(depth), "}", *_indented([end])]
        return [*lines, "default: {", *self.block(depth), "}", "}"]

    def loop(self, depth: int) -> list[str]:
        name = self.fresh("k")
        bound = self.rng.choice(("HOLE(u16, choice)", f"({self.integer('u32', 2)} & 7)", "3u"))
        outer = dict(self.locals)
        self.locals[name] = "u32 counter"
        lines = [f"for (u32 {name} = 0; {name} < {bound}; {name}++) {{", *self.block(depth), "}"]
        self.locals = outer
        return lines

    def leave(self) -> list[str]:
        returned = self.integer(self.rng.choice(_INTEGERS), 2)
        ways = (
            ["SIDE_EXIT();"],
            ["SIDE_EXIT();"],
            ["CONTINUE();"],
            self.jump(),
            [f"RETURN({returned});"],
            [f"vm_abort({returned});"],
        )
        condition = f"UNLIKELY({self.condition(2)})" if self.rng.random() < 0.7 else self.condition(2)
        return [f"if ({condition}) {{", *_indented(self.rng.choice(ways)), "}"]

    def jump(self) -> list[str]:
        label = self.rng.choice(("target", "other"))
        return ["if (UNLIKELY(thread->fuel-- == 0))", *_indented(["SIDE_EXIT();"]), f"JUMP({label});"]

    def end(self) -> list[str]:
        match self.rng.randrange(12):
            case 0:
                return self.jump()
            case 1:
                values = (self.integer("u64", 2), f"NUMBER({self.real(2)})", f"vm_one({self.integer('u64', 2)})")
                return [f"RETURN({self.rng.choice(values)});"]
            case 2:
                return ["SIDE_EXIT();"]
            case _:
                return ["CONTINUE();"]

    # ---- Places and expressions ----

    def fresh(self, prefix: str) -> str:
        self.counters += 1
        return f"{prefix}{self.counters}"

    def index(self, bits: int) -> str:
        """An index below 2**bits."""
        mask = (1 << bits) - 1
        match self.rng.randrange(4):
            case 0:
                return f"HOLE(u16, oparg) & {mask}"
            case 1:
                return f"({self.integer('u64', 1)}) & {mask}"
            case 2 if bits == 6:
                return "HOLE(u8, slot)"
            case _:
                return str(self.rng.randrange(mask + 1))

    def place(self) -> tuple[str, str]:
        """(lvalue, type) in memory."""
        match self.rng.randrange(8):
            case 0:
                return f"frame[{self.index(6)}]", "u64"
            case 1:
                return f"sp[{self.rng.choice(('-1', '-2', '0', 'HOLE(i8, step)', '-(int)HOLE(u16, choice)'))}]", "u64"
            case 2:
                return (f"vm_global[{self.index(4)}]", "u64") if self.rng.random() < 0.6 else ("vm_word", "u32")
            case 3 if "array" in self.locals:
                return f"array[{self.index(2)}]", "u64"
            case 4 if self.rng.random() < 0.6:
                pointer = "HOLE(u64 *, pointer)"
                if self.rng.random() < 0.3:
                    pointer = f"(({self.condition(1)}) ? {pointer} : frame + {self.rng.randrange(8)})"
                return f"{pointer}[{self.index(3)}]", "u64"
            case _:
                kind = self.rng.choice((*_INTEGERS, *_INTEGERS, "f32", "f64"))
                return f"thread->{kind}[{self.index(4)}]", kind

    def condition(self, depth: int) -> str:
        if self.rng.random() < 0.15:
            return f"{self.real(depth - 1)} {self.rng.choice(('<', '>', '==', '<='))} {self.real(depth - 1)}"
        kind = self.rng.choice(_INTEGERS)
        operator = self.rng.choice(("<", "<=", ">", ">=", "==", "!="))
        left, right = self.integer(kind, depth - 1), self.integer(kind, depth - 1)
        if self.rng.random() < 0.2:
            return f"({left}) & ({right})"
        if self.rng.random() < 0.1:
            return f"HOLE(u64 *, pointer) {operator} frame + {self.index(3)}"
        return f"{left} {operator} {right}"

    def integer(self, kind: str, depth: int) -> str:
        """An expression of this type."""
        bits = int(kind[1:])
        if depth <= 0 or self.rng.random() < 0.15:
            return self.leaf(kind)
        wide = "u64" if bits > 32 or self.rng.random() < 0.3 else "u32"
        other = self.rng.choice(_INTEGERS)

        def operand(type_: str = kind) -> str:
            return self.integer(type_, depth - 1)

        match self.rng.randrange(15):
            case 0 | 1 | 2 | 3:
                operator = self.rng.choice(("+", "+", "-", "*", "&", "|", "^"))
                return f"({kind})(({wide}){operand()} {operator} ({wide}){operand()})"
            case 4:
                amount = f"({operand('u8')} & {31 if wide == 'u32' else 63})"
                return f"({kind})(({wide}){operand()} << {amount})"
            case 5:
                return f"({kind})({operand()} >> ({operand('u8')} & {bits - 1}))"
            case 6:
                divisor = f"({operand('u8')} & 63) + 1" if self.rng.random() < 0.5 else f"({wide}){operand()} | 1"
                dividend = f"({wide}){operand()}" if "|" in divisor else operand()
                return (
                    f"({kind})({dividend} {self.rng.choice('/%')} ({'int' if '|' not in divisor else wide})({divisor}))"
                )
            case 7:
                return f"({kind})({self.condition(depth)})"
            case 8:
                return f"(({self.condition(depth)}) ? {operand()} : {operand()})"
            case 9:
                return f"({kind})({other}){operand(other)}"
            case 10:
                function = self.rng.choice(("popcountll({})", "clzll({} | 1)", "ctzll({} | 1)", "bswap64({})"))
                return f"({kind})__builtin_{function.format('(u64)' + operand())}"
            case 11:
                a, n = self.fresh("a"), self.fresh("n")
                value = f"{a} << {n} | {a} >> (-{n} & 31)"
                return f"({kind})__extension__({{ u32 {a} = {operand('u32')}, {n} = {operand('u32')} & 31; {value}; }})"
            case 12 if depth > 1:
                return (
                    f"({kind})vm_one({operand('u64')})"
                    if self.rng.random() < 0.6
                    else f"({kind})vm_two({operand('u32')}, {operand('i16')})"
                )
            case 13:
                return f"({kind})INTEGER({self.real(depth - 1)})"
            case _:
                table = self.rng.choice(("table32", "table64"))
                return f"({kind}){table}[{self.index(3)}]"

    def leaf(self, kind: str) -> str:
        names = [
            name for name, type_ in self.locals.items() if type_ == kind or (type_ == "u32 counter" and kind == "u32")
        ]
        states = [name for letter, name in _named(self.state) if letter in "qw"]
        match self.rng.randrange(8):
            case 0 | 1:
                hole = self.rng.choice(("imm", "operand", "oparg", "imm", "operand", "slot", "step", "choice"))
                return f"({kind})HOLE({self.rng.choice((kind, *_INTEGERS, 'bool'))}, {hole})"
            case 2 if names:
                return self.rng.choice(names)
            case 3 if states:
                return f"({kind}){self.rng.choice(states)}"
            case 4:
                return f"({kind}){self.rng.choice(_EDGES)}ull"
            case _:
                place, type_ = self.place()
                return f"({kind}){place}" if type_ in _INTEGERS else f"({kind})INTEGER({place})"

    def real(self, depth: int) -> str:
        """An expression of type double; it may be NaN."""
        states = [name for letter, name in _named(self.state) if letter == "d"]
        names = [name for name, type_ in self.locals.items() if type_ == "double"]
        if depth <= 0:
            match self.rng.randrange(6):
                case 0:
                    return "HOLE(double, number)"
                case 1 if states:
                    return self.rng.choice(states)
                case 2 if names:
                    return self.rng.choice(names)
                case 3:
                    return self.rng.choice(_REALS)
                case 4:
                    return f"reals[{self.index(3)}]"
                case _:
                    return f"thread->f64[{self.index(4)}]"
        match self.rng.randrange(7):
            case 0 | 1:
                return f"({self.real(depth - 1)} {self.rng.choice('+-*/')} {self.real(depth - 1)})"
            case 2:
                return f"(double){self.integer(self.rng.choice(_INTEGERS), depth - 1)}"
            case 3:
                return f"(({self.condition(depth - 1)}) ? {self.real(depth - 1)} : {self.real(depth - 1)})"
            case 4:
                return f"__builtin_fabs({self.real(depth - 1)})"
            case 5:
                return f"(double){self.single(depth - 1)}"
            case _:
                return f"(- {self.real(depth - 1)})"

    def single(self, depth: int) -> str:
        """An expression of type float; it may be NaN."""
        states = [name for letter, name in _named(self.state) if letter == "f"]
        if depth <= 0:
            match self.rng.randrange(3):
                case 0:
                    return "HOLE(float, single)"
                case 1 if states:
                    return self.rng.choice(states)
                case _:
                    return f"thread->f32[{self.index(4)}]"
        if self.rng.random() < 0.3:
            return f"(float)({self.real(depth - 1)})"
        return f"({self.single(depth - 1)} {self.rng.choice('+-*')} {self.single(depth - 1)})"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
