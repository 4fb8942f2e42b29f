"""A later part's question is answered by what was known before the unit and what was said since, as if asked in time."""

import random
from collections.abc import Callable

from llvm_passes.between import _ON_STACK, _ask
from llvm_passes.effects import Effect
from llvm_passes.expression import Const, Hole, JitExpr, Operation, operation

HOLES = tuple(Hole(name, 16, signed=True) for name in "xyz")
OPERANDS = {"x": 16, "y": 16}
"""Of these no two are equal."""
Table = dict[int, int]


def value(expression: JitExpr, holes: dict[str, int], table: Table) -> int:
    """The expression's, where this is known by location."""
    if not isinstance(expression, Operation):
        return expression.evaluate(holes)
    operands = [value(operand, holes, table) for operand in expression.operands]
    if expression.opcode == "fact.holds":
        return int(table.get(signed(operands[0]), 0) & operands[1] == operands[1])
    constants = tuple(Const(o.bits, v) for o, v in zip(expression.operands, operands, strict=True))
    return Operation(expression.opcode, expression.bits, constants).evaluate({})


def signed(location: int) -> int:
    return location - (1 << 32) if location >> 31 else location


def after(table: Table, effect: Effect, holes: dict[str, int]) -> Table:
    """What is known after it: what the runtime's table does."""
    operands = [signed(value(operand, holes, {})) for operand in effect.operands]
    match effect.kind, operands:
        case "learn", [where, facts]:
            return {**table, where: table.get(where, 0) | facts}
        case "unlearn", [where, facts]:
            return {**table, where: table.get(where, 0) & ~facts}
        case "forget", [where]:
            return {**table, where: 0}
        case "copy", [to, origin]:
            return {**table, to: table.get(origin, 0)}
        case "exchange", [one, other]:
            return {**table, one: table.get(other, 0), other: table.get(one, 0)}
        case "unlearn_everywhere", [facts]:
            return {where: known & ~facts for where, known in table.items()}
        case "forget_from", [first]:
            return {where: known for where, known in table.items() if where < first}
        case "forget_all", []:
            return {}
        case "shift", [amount]:
            return {where if is_on_stack(where) else where - amount: known for where, known in table.items()}
        case "shift_stack", [amount]:
            moved = {where - amount if is_on_stack(where) else where: known for where, known in table.items()}
            return {where: known for where, known in moved.items() if where < _ON_STACK}
    raise AssertionError(effect)


KINDS = {
    "learn": "lf", "unlearn": "lf", "forget": "l", "copy": "ll", "exchange": "ll", "unlearn_everywhere": "f", "forget_from": "l",
    "forget_all": "", "shift": "l", "shift_stack": "a",
}  # fmt: skip


def is_on_stack(location: int) -> bool:
    return location >= _ON_STACK // 2


def location(rng: random.Random) -> JitExpr:
    place: JitExpr = operation("sext", 32, rng.choice(HOLES))
    on_stack = Const(32, _ON_STACK + rng.randrange(-4, 2))
    numbered = (place, place, operation("add", 32, place, Const(32, 1)), Const(32, rng.randrange(4)))
    return rng.choice((*numbered, on_stack, on_stack))


def effect(rng: random.Random) -> Effect:
    kind = rng.choice(tuple(KINDS))
    operand: dict[str, Callable[[], JitExpr]] = {
        "l": lambda: location(rng),
        "f": lambda: Const(32, rng.choice((1, 2, 4))),
        "a": lambda: Const(32, rng.randrange(-2, 3)),
    }
    amount = operation("sext", 32, rng.choice(HOLES)) if kind == "shift" else None
    return Effect(kind, (amount,) if amount else tuple(operand[what]() for what in KINDS[kind]))


def test_an_answer_is_that_of_the_table_at_that_time() -> None:
    rng = random.Random(1)
    known = 0
    for _ in range(20000):
        said = [effect(rng) for _ in range(rng.randrange(5))]
        where, facts = location(rng), rng.choice((1, 2, 4))
        answer = _ask(where, facts, said, OPERANDS)
        if answer is None:
            continue
        x, y = rng.sample(range(-1, 4), 2)
        holes = {"x": x, "y": y, "z": rng.randrange(-1, 4)}
        places = (*range(-8, 12), *range(_ON_STACK - 12, _ON_STACK + 12))
        before = {place: rng.randrange(8) for place in places}
        table = before
        for one in said:
            table = after(table, one, holes)
        expected = int(table.get(signed(value(where, holes, {})), 0) & facts == facts)
        assert value(answer, holes, before) == expected, (said, where, facts, holes)
        known += expected
    assert 2000 < known < 15000
