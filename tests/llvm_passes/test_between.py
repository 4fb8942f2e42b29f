"""A later part's question is answered by what was known before the unit and what was said since, as if asked in time."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llvm_passes.between import _ON_STACK, _before, _Unanswerable
from llvm_passes.effects import Effect, Fork
from llvm_passes.expression import Const, ExpressionTooLarge, Hole, JitExpr, Operation, operation

HOLES = tuple(Hole(name, 16, signed=True) for name in "xyz")
OPERANDS = {"x": 16, "y": 16}
"""Of these no two are equal."""


@dataclass(frozen=True, slots=True)
class Known:
    """Of one location: facts, and perhaps the value itself."""

    facts: int = 0
    constant: int | None = None


NOTHING = Known()
Table = dict[int, Known]


def value(expression: JitExpr, holes: dict[str, int], table: Table) -> int:
    """The expression's, where this is known by location."""
    if not isinstance(expression, Operation):
        return expression.evaluate(holes)
    operands = [value(operand, holes, table) for operand in expression.operands]
    known = table.get(signed(operands[0]), NOTHING)
    match expression.opcode:
        case "fact.holds":
            return int(known.facts & operands[1] == operands[1])
        case "fact.is_constant":
            return int(known.constant is not None)
        case "fact.constant":
            return known.constant or 0
    constants = tuple(Const(o.bits, v) for o, v in zip(expression.operands, operands, strict=True))
    return Operation(expression.opcode, expression.bits, constants).evaluate({})


def signed(location: int) -> int:
    return location - (1 << 32) if location >> 31 & 1 else location


def after(table: Table, said: Sequence[Effect | Fork], holes: dict[str, int], at_start: Table) -> Table:
    """What is known after it: what the runtime's table does. at_start: what questions are about."""
    for one in said:
        if isinstance(one, Fork):
            way = one.yes if value(one.condition, holes, at_start) else one.no
            table = after(table, way, holes, at_start)
        else:
            table = changed(table, one.kind, [value(operand, holes, at_start) for operand in one.operands])
    return table


def changed(table: Table, kind: str, values: list[int]) -> Table:
    constant = values[-1] if values else 0
    match kind, [signed(operand) for operand in values]:
        case "learn", [where, facts]:
            known = table.get(where, NOTHING)
            return {**table, where: replace(known, facts=known.facts | facts)}
        case "learn_constant", [where, _]:
            return {**table, where: replace(table.get(where, NOTHING), constant=constant)}
        case "unlearn", [where, facts]:
            known = table.get(where, NOTHING)
            return {**table, where: replace(known, facts=known.facts & ~facts)}
        case "forget", [where]:
            return {**table, where: NOTHING}
        case "copy", [to, origin]:
            return {**table, to: table.get(origin, NOTHING)}
        case "exchange", [one, other]:
            return {**table, one: table.get(other, NOTHING), other: table.get(one, NOTHING)}
        case "unlearn_everywhere", [facts]:
            return {where: replace(known, facts=known.facts & ~facts) for where, known in table.items()}
        case "forget_from", [first]:
            return {where: known for where, known in table.items() if where < first}
        case "forget_all", []:
            return {}
        case "shift", [amount]:
            return {where if is_on_stack(where) else where - amount: known for where, known in table.items()}
        case "shift_stack", [amount]:
            moved = {where - amount if is_on_stack(where) else where: known for where, known in table.items()}
            return {where: known for where, known in moved.items() if where < _ON_STACK}
    raise AssertionError(kind)


KINDS = {
    "learn": "lf", "learn_constant": "lv", "unlearn": "lf", "forget": "l", "copy": "ll", "exchange": "ll",
    "unlearn_everywhere": "f", "forget_from": "l", "forget_all": "", "shift": "l", "shift_stack": "a",
}  # fmt: skip


def is_on_stack(location: int) -> bool:
    return location >= _ON_STACK // 2


def location(rng: random.Random) -> JitExpr:
    place: JitExpr = operation("sext", 32, rng.choice(HOLES))
    on_stack = Const(32, _ON_STACK + rng.randrange(-4, 2))
    numbered = (place, place, operation("add", 32, place, Const(32, 1)), Const(32, rng.randrange(4)))
    return rng.choice((*numbered, on_stack, on_stack))


def question(rng: random.Random) -> JitExpr:
    where = location(rng)
    holds = Operation("fact.holds", 1, (where, Const(32, rng.choice((1, 2, 4)))))
    constant = Operation("fact.constant", 64, (where,))
    return rng.choice((holds, holds, Operation("fact.is_constant", 1, (where,)), constant))


def constant(rng: random.Random) -> JitExpr:
    """Perhaps computed from what is known of another location."""
    known = Operation("fact.constant", 64, (location(rng),))
    more = operation("add", 64, known, operation("zext", 64, rng.choice(HOLES)))
    return rng.choice((Const(64, rng.getrandbits(64)), operation("sext", 64, rng.choice(HOLES)), more))


def effect(rng: random.Random) -> Effect | Fork:
    if rng.random() < 0.1:
        asked = question(rng)
        condition = asked if asked.bits == 1 else operation("icmp.ne", 1, asked, Const(64, 0))
        return Fork(condition, (effect(rng),), tuple(effect(rng) for _ in range(rng.randrange(2))))
    kind = rng.choice(tuple(KINDS))
    operand: dict[str, Callable[[], JitExpr]] = {
        "l": lambda: location(rng),
        "f": lambda: Const(32, rng.choice((1, 2, 4))),
        "v": lambda: constant(rng),
        "a": lambda: Const(32, rng.randrange(-2, 3)),
    }
    amount = operation("sext", 32, rng.choice(HOLES)) if kind == "shift" else None
    return Effect(kind, (amount,) if amount else tuple(operand[what]() for what in KINDS[kind]))


def test_an_answer_is_that_of_the_table_at_that_time() -> None:
    rng = random.Random(1)
    known = {"fact.holds": 0, "fact.is_constant": 0, "fact.constant": 0}
    for _ in range(40000):
        said = [effect(rng) for _ in range(rng.randrange(5))]
        asked = question(rng)
        assert isinstance(asked, Operation)
        try:
            answer = _before(asked, said, OPERANDS)
        except (_Unanswerable, ExpressionTooLarge):
            continue
        x, y = rng.sample(range(-1, 4), 2)
        holes = {"x": x, "y": y, "z": rng.randrange(-1, 4)}
        places = (*range(-8, 12), *range(_ON_STACK - 12, _ON_STACK + 12))
        before = {place: Known(rng.randrange(8), rng.choice((None, rng.getrandbits(64)))) for place in places}
        expected = value(asked, holes, after(before, said, holes, before))
        assert value(answer, holes, before) == expected, (said, asked, holes)
        known[asked.opcode] += expected != 0
    assert all(2000 < count < 20000 for count in known.values()), known
