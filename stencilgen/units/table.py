"""The choices as C: the tables that the runtime's planner reads, and the loop that emits what it chose.

The loop knows the VM's own types: the compiler inlines the reading of an opcode and of the labels a micro-op may jump to.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from llvm_passes.sequence import micro_op, operands
from stencilgen.units.choice import Choices, Step

__all__ = ["Tables", "Unit", "operands_function", "render_marking", "render_tables"]


@dataclass(frozen=True, slots=True)
class Unit:
    """An emit function beside those of the stencils."""

    name: str
    c_source: str
    exits: int
    """Bit i: its micro-op i, which is not the last one, has side exits. From bit 6 on, what their stubs write."""


@dataclass(frozen=True, slots=True)
class Tables:
    """All that a header holds of units.

    labels: by stencil, the C expressions of the positions that it may jump to; sizes: by stencil, the most (hot bytes, cold
    bytes, frame) of any step that begins with it; operands: by stencil, the C expressions of what sequences are told apart by.
    """

    units: Sequence[Unit]
    choices: Choices
    labels: Mapping[str, Sequence[str]]
    sizes: Mapping[str, tuple[int, int, int]]
    operands: Mapping[str, Sequence[str]] = field(default_factory=dict)


def render_tables(
    tables: Tables,
    names: Sequence[str],
    opcode: Callable[[str], str],
    instruction: str,
    read: str,
    begin: str = "",
    meet: str = "",
    arrive: str = "",
    again: str = "",
) -> str:
    """C for the tables, and `sg_emit`. names: all stencils; opcode: a stencil's C constant; instruction: the C type of one;
    read: the C expression of its opcode; begin, meet, arrive, again: more to do first, where two units meet, before each unit,
    and after it.
    """
    order = [*names, *(unit.name for unit in tables.units)]
    numbers = {name: number for number, name in enumerate(order, start=1)} | {"": 0}
    exits = {unit.name: unit.exits for unit in tables.units}
    steps: dict[tuple[int, ...], int] = {}
    states = max(tables.choices.states, _STATES)

    def number(step: Step | None) -> int:
        if step is None:
            return 0
        key = (numbers[step.before], numbers[step.unit], numbers[step.after], step.length, exits.get(step.unit, 0))
        return steps.setdefault(key, len(steps))

    costs, chosen = [], []
    longer = _longer([parts for parts in tables.choices.matrices if len(parts) > 1])
    rows_of: dict[tuple[str, ...], str] = {(name,): opcode(name) for name in names}
    rows_of |= {parts: f"{_ROWS} + {row - 1}" for node in longer for parts, row in node.rows.items()}
    for parts, index in rows_of.items():
        matrix = _padded(tables.choices.matrices[parts], states)
        costs.append(_row(index, [_cost(step) for row in matrix for step in row]))
        chosen.append(_row(index, [str(number(step)) for row in matrix for step in row]))
    emitters = "".join(f"    emit_{name},\n" for name in order)
    rows = "".join(f"    {{{', '.join(map(str, key))}}},\n" for key in steps)
    return f"""\
/* The emit functions of all units: the stencils, then their variants NAME__IN_OUT, which find IN stack entries in
 * registers and leave OUT there. 0 stands for none. */
static void (*const sg_units[])(sg_assembler *as, const {instruction} *instruction) = {{
    NULL,
{emitters}}};

/* A unit with the transitions around it: before, unit, after, micro-ops, exits of its inner micro-ops. */
static const sg_step sg_steps[] = {{
{rows}}};

/* For each micro-op, by the entries in registers before and after it: what the cheapest step costs, and which it is. */
static const uint32_t sg_costs[][{states * states}] = {{
{"".join(costs)}}};
static const uint16_t sg_chosen[][{states * states}] = {{
{"".join(chosen)}}};

{_longer_table(longer, opcode)}{_fitting(longer, tables.operands, instruction)}static const sg_choices sg_unit_choices = {{
    .states = {states}, .costs = sg_costs[0], .steps = sg_chosen[0],{_LONGER if longer else ""}{_fits(longer)}
    .instruction_size = sizeof({instruction}),
}};

{render_marking(tables.labels, opcode, instruction)}
static void sg_emit(sg_assembler *as, const void *trace, uint32_t length)
{{
    const {instruction} *const instructions = trace;
{begin}    sg_plan *const plan = sg_plan_begin(as, length);
    if (plan == NULL) {{
        return;
    }}
    for (uint32_t i = 0; i < length; i++) {{
        const {instruction} *const instruction = &instructions[i];
        plan->ops[i] = (uint16_t)({read});
        sg_mark_targets(plan, instruction, plan->ops[i]);
    }}
    sg_choose(as, plan, &sg_unit_choices);
    for (uint32_t i = 0; i < length;) {{
        const {instruction} *const instruction = &instructions[i];
        const sg_step *const step = &sg_steps[plan->steps[i]];
{meet}        sg_begin_micro_op(as, i);
{arrive}        if (step->before != 0) {{
            sg_units[step->before](as, instruction);
        }}
        if (step->length > 1) {{
            sg_begin_unit(as, step);
        }}
        sg_units[step->unit](as, instruction);
        if (step->after != 0) {{
            sg_units[step->after](as, instruction);
        }}
        if (step->length > 1) {{
            sg_end_unit(as, step);
        }}
{again}        i += step->length;
    }}
}}
"""


_ROWS = "sizeof sg_ops / sizeof *sg_ops"
_LONGER = """
    .longer = sg_longer_units, .first = sg_first_longer, .first_count = sg_longer_count,"""


@dataclass(slots=True)
class _Longer:
    """A sequence of micro-ops, by name, that has units, or begins one that has. rows: by sequence of words, what fits special
    operands first, 1 + its number among those that have units.
    """

    parts: tuple[str, ...]
    rows: Mapping[tuple[str, ...], int]
    first: int = 0
    count: int = 0


def _longer(sequences: Sequence[tuple[str, ...]]) -> list[_Longer]:
    """The sequences and their beginnings, by length, those of one beginning side by side."""
    rows: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {}
    by_care = sorted(
        sequences, key=lambda parts: (tuple(map(micro_op, parts)), -sum(map(bool, map(operands, parts))), parts)
    )
    for row, parts in enumerate(by_care, start=1):
        rows.setdefault(tuple(map(micro_op, parts)), {})[parts] = row
    beginnings = {parts[:length] for parts in rows for length in range(2, len(parts) + 1)}
    nodes = [_Longer(parts, rows.get(parts, {})) for parts in sorted(beginnings, key=lambda parts: (len(parts), parts))]
    for node in nodes:
        following = [number for number, other in enumerate(nodes) if other.parts[:-1] == node.parts]
        node.first, node.count = (following[0], len(following)) if following else (0, 0)
    return nodes


def _longer_table(nodes: Sequence[_Longer], opcode: Callable[[str], str]) -> str:
    if not nodes:
        return ""
    rows = "".join(
        f"    {{{opcode(node.parts[-1])}, {node.first}, {node.count}, {_first_row(node)}}},"
        f" /* {' '.join(node.parts)} */\n"
        for node in nodes
    )
    pairs = [number for number, node in enumerate(nodes) if len(node.parts) == 2]
    starts = {nodes[number].parts[0]: number for number in reversed(pairs)}
    counts = {name: sum(nodes[number].parts[0] == name for number in pairs) for name in starts}
    first = "".join(f"    [{opcode(name)}] = {number},\n" for name, number in sorted(starts.items()))
    count = "".join(f"    [{opcode(name)}] = {number},\n" for name, number in sorted(counts.items()))
    return f"""\
/* Sequences of micro-ops that have units of their own, or begin one that has: the last micro-op, the first sequence that is
 * longer by one, how many there are, the row of the tables above. */
static const sg_longer sg_longer_units[] = {{
{rows}}};
/* By micro-op, the first sequence of two that it begins, and how many there are. */
static const uint16_t sg_first_longer[{_ROWS}] = {{
{first}}};
static const uint16_t sg_longer_count[{_ROWS}] = {{
{count}}};

"""


def _first_row(node: _Longer) -> str:
    return f"{_ROWS} + {min(node.rows.values()) - 1}" if node.rows else "0"


def _careful(node: _Longer) -> bool:
    """Whether it depends on operands which of its units fit."""
    return any(operands(part) for parts in node.rows for part in parts)


def _fits(nodes: Sequence[_Longer]) -> str:
    return "\n    .fitting = sg_fitting," if any(map(_careful, nodes)) else ""


def _fitting(nodes: Sequence[_Longer], expressions: Mapping[str, Sequence[str]], instruction: str) -> str:
    """The C function that compares operands: equal ones first, then those that are to differ."""
    if not any(map(_careful, nodes)):
        return ""
    cases = []
    for number, node in enumerate(nodes):
        if not _careful(node):
            continue
        tests = [(row, _condition(parts, expressions)) for parts, row in node.rows.items()]
        cases.append(f"    case {number}: /* {' '.join(node.parts)} */\n")
        for row, condition in tests:
            lines = (
                f"        if ({condition})\n            return {_ROWS} + {row - 1};\n"
                if condition
                else f"        return {_ROWS} + {row - 1};\n"
            )
            cases.append(lines)
        if tests[-1][1]:
            cases.append("        return 0;\n")
    return f"""\
/* The row of a sequence's units for the operands that it has at `element`; 0: there are none for these. */
static uint32_t sg_fitting(const void *element, uint32_t sequence)
{{
    const {instruction} *const instruction = element;
    switch (sequence) {{
{"".join(cases)}    default:
        return sg_longer_units[sequence].row;
    }}
}}

"""


def _condition(parts: tuple[str, ...], expressions: Mapping[str, Sequence[str]]) -> str:
    places: dict[int, list[str]] = {}
    for number, part in enumerate(parts):
        for value, expression in zip(operands(part), expressions.get(micro_op(part), ()), strict=False):
            read = re.sub(r"\binstruction\b", f"(instruction + {number})", expression) if number else expression
            places.setdefault(value, []).append(f"(uint64_t)({read})")
    equal = [f"{found[0]} == {other}" for found in places.values() for other in found[1:]]
    differ = [f"{one[0]} != {other[0]}" for one, other in combinations(places.values(), 2)]
    return " &&\n            ".join([*equal, *differ])


def operands_function(
    config_opcode: Callable[[str], str], expressions: Mapping[str, Sequence[str]], instruction: str, read: str
) -> str:
    """The C function that reads a micro-op's operands, for profiles; "" when there are none."""
    cases: dict[tuple[str, ...], list[str]] = {}
    for name, found in expressions.items():
        if found:
            cases.setdefault(tuple(found), []).append(name)
    if not cases:
        return ""
    lines = []
    for found, names in cases.items():
        lines += [f"    case {config_opcode(name)}:" for name in names]
        lines += [f"        operands[{number}] = (uint64_t)({expression});" for number, expression in enumerate(found)]
        lines.append(f"        return {len(found)};")
    body = "".join(f"{line}\n" for line in lines)
    return f"""\
/* The operands by which sequences of micro-ops are told apart; their number. */
static uint32_t sg_operands(const void *element, uint64_t *operands)
{{
    const {instruction} *const instruction = element;
    switch ((uint32_t)({read})) {{
{body}    default:
        return 0;
    }}
}}
"""


_STATES = 4
"""The planner is fast with four states; so a VM that has fewer gets some that nothing leads to."""


def _padded(matrix: Sequence[Sequence[Step | None]], states: int) -> list[list[Step | None]]:
    rows: list[list[Step | None]] = [[*row, *[None] * (states - len(row))] for row in matrix]
    return rows + [[None] * states for _ in range(states - len(rows))]


_SCALE, _MOST = 32, 4095
"""SG_MAX_COST of runtime/include/stencilgen/plan.h is 32 * 4096."""


def _cost(step: Step | None) -> str:
    return str(min(step.cost, _MOST) * _SCALE) if step else "SG_NEVER"


def _row(index: str, values: Sequence[str]) -> str:
    return f"    [{index}] = {{{', '.join(values)}}},\n"


def render_marking(labels_of: Mapping[str, Sequence[str]], opcode: Callable[[str], str], instruction: str) -> str:
    """`sg_mark_targets`: C for noting in a plan where a micro-op may jump to. labels_of: by stencil, the expressions."""
    cases: dict[tuple[str, ...], list[str]] = {}
    for name, labels in labels_of.items():
        if labels:
            cases.setdefault(tuple(labels), []).append(name)
    lines = []
    for labels, names in cases.items():
        lines += [f"    case {opcode(name)}:" for name in names]
        lines += [f"        sg_plan_target(plan, (uint64_t)({label}));" for label in labels]
        lines.append("        break;")
    body = "".join(f"{line}\n" for line in lines)
    if not body:
        return f"""\
static inline void sg_mark_targets(sg_plan *plan, const {instruction} *instruction, uint32_t opcode)
{{
    (void)plan, (void)instruction, (void)opcode; /* no micro-op jumps */
}}
"""
    return f"""\
/* Note where a micro-op may jump to. */
static inline void sg_mark_targets(sg_plan *plan, const {instruction} *instruction, uint32_t opcode)
{{
    switch (opcode) {{
{body}    default:
        break;
    }}
}}
"""
