"""The choices as C: the tables that the runtime's planner reads, and the loops that note and emit.

The loops know the VM's own types: the compiler inlines the reading of an opcode and of the labels a micro-op may jump to.
For several levels of x86-64 there is one choice, and a table of emit functions for each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from llvm_passes.sequence import micro_op, operands
from llvm_passes.window import Height
from stencilgen.emit.jumps import over_targets
from stencilgen.units.automaton import Parts, automaton_of
from stencilgen.units.choice import Choices, Step, jumping
from stencilgen.units.operands import condition

__all__ = ["Room", "Tables", "Unit", "render_loop", "render_marking", "render_tables"]

Room = tuple[int, int, int]
"""Bytes at most: hot, cold, of the frame."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An emit function beside those of the stencils. functions: what it is called, by the suffix of each level of x86-64."""

    name: str
    functions: Mapping[str, str]
    exits: int
    """Bit i: its micro-op i, which is not the last one, has side exits. From bit 6 on, what their stubs write."""


@dataclass(frozen=True, slots=True)
class Tables:
    """All that a header holds of units.

    sources: the C of all their functions; labels: by stencil, the C expressions of the positions that it may jump to; room: that
    stencils and units need, on any level; operands: by stencil, the C expressions of what sequences are told apart by; stub:
    bytes of the stub of an exit inside of a unit; heights: by stencil, what is known of the stack's height.
    """

    units: Sequence[Unit]
    sources: Sequence[str]
    choices: Choices
    labels: Mapping[str, Sequence[str]]
    room: Mapping[str, Room]
    operands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stub: int = 0
    heights: Mapping[str, Height] = field(default_factory=dict)


_MOST_ROOM = 1 << 20
"""SG_MAX_ROOM of runtime/include/stencilgen/plan.h"""


def render_tables(
    tables: Tables, names: Sequence[str], opcode: Callable[[str], str], instruction: str, read: str
) -> str:
    """C for the tables, and `sg_prepare`. names: all stencils; opcode: a stencil's C constant; instruction: the C type of one;
    read: the C expression of its opcode.
    """
    order = ["", *names, *(unit.name for unit in tables.units)]
    numbers = {name: number for number, name in enumerate(order)}
    exits = {unit.name: unit.exits for unit in tables.units}
    steps: dict[tuple[int, ...], int] = {}
    room = [tables.room.get(name, (0, 0, 0)) for name in order]
    states = max(tables.choices.states, _STATES)

    def number(step: Step | None) -> int:
        if step is None:
            return 0
        if not step.before and not step.after and step.length == 1:
            return numbers[step.unit]
        record = (numbers[step.before], numbers[step.unit], numbers[step.after], step.length, exits.get(step.unit, 0))
        if record not in steps:
            steps[record] = len(order) + len(steps)
            room.append(_room_of(step, tables.room, tables.stub))
        return steps[record]

    costs, chosen = [], []
    sequences = _by_name(tables.choices)
    jumps = _jump_rows(tables.choices, names)
    rows_of: dict[Parts, str] = {(name,): opcode(name) for name in names}
    rows_of |= {
        (jumping(name, state),): f"{_OPS} + {first + state - 1}"
        for name, (first, most) in jumps.items()
        for state in range(1, most + 1)
    }
    rows_of |= {parts: _sequence_row(row) for rows in sequences.values() for parts, row in rows.items()}
    for parts, index in rows_of.items():
        matrix = _padded(tables.choices.matrices[parts], states)
        costs.append(_row(index, [_cost(step, before) for before, row in enumerate(matrix) for step in row]))
        chosen.append(_row(index, [str(number(step)) for row in matrix for step in row]))
    rows = "".join(f"    {{{', '.join(map(str, record))}}},\n" for record in steps or [(0,)])
    rooms = "".join(f"    {{{hot}, {cold}}},\n" for hot, cold, _ in room)
    sizes = ", ".join(str(frame) for *_, frame in room)
    frames = f"static const uint32_t sg_frames[] = {{{sizes}}};\n" if any(frame for *_, frame in room) else ""
    words = sum(most for _, most in jumps.values())
    return f"""\
/* Rows of choices: one for each micro-op, then for each that jumps to where entries are in registers, then for sequences. */
enum {{ SG_WORDS = {_OPS} + {words} }};

/* Steps with a number of their own: units, then what is more than one. */
enum {{ SG_STEPS = {len(room)} }};
_Static_assert(SG_STEPS + SG_MAX_JUMPS <= UINT16_MAX, "too many units");

/* A unit with the transitions around it: before, unit, after, micro-ops, exits of its inner micro-ops. */
static const sg_step sg_steps[] = {{
{rows}}};

/* Bytes that units and then steps need: hot, cold{"; of the frame" if frames else ""}. */
static const sg_room sg_rooms[] = {{
{rooms}}};
{frames}
/* For each micro-op, by the entries in registers before and after it: what the cheapest step costs, and which it is. */
static const _Alignas(16) uint32_t sg_costs[][{states * states}] = {{
{"".join(costs)}}};
static const uint16_t sg_chosen[][{states * states}] = {{
{"".join(chosen)}}};

{_automaton(sequences, opcode)}{_fitting(sequences, tables.operands, instruction)}\
{_heights(tables, names, jumps, opcode)}{_fills(tables.choices, numbers, states)}\
static const sg_choices sg_unit_choices = {{
    .states = {states}, .costs = sg_costs[0], .steps = sg_chosen[0],
    .room = sg_rooms, .step_count = SG_STEPS,{_FRAMES if frames else ""}\
{_AUTOMATON if sequences else ""}{_JUMPS if jumps else ""}\
{_FITTING if any(map(_is_picky, sequences.values())) else ""}
}};

{_preparing(tables, names, opcode, instruction, read)}"""


def _room_of(step: Step, room: Mapping[str, Room], stub: int) -> Room:
    needed = [room[name] for name in (step.before, step.unit, step.after) if name]
    hot, cold, frame = (list(column) for column in zip(*needed, strict=True))
    stubs = (step.length - 1) * stub
    assert sum(hot) < _MOST_ROOM and sum(cold) + stubs < _MOST_ROOM, f"{step.unit} is too large"
    return sum(hot), sum(cold) + stubs, max(frame)


def render_loop(
    tables: Tables,
    functions: Sequence[str],
    suffix: str,
    instruction: str,
    begin: str = "",
    meet: str = "",
    arrive: str = "",
    again: str = "",
    standing: bool = False,
) -> str:
    """`sg_emit` for one level of x86-64. functions: the emit functions of all stencils; begin, meet, arrive, again: more to do
    first, where two steps meet, before each step, and after it; standing: whether there is a stack whose depth is static.
    """
    between, arrived = (
        f"        sg_meet_depth(as, {arrivals});\n" if standing else "" for arrivals in ("false", "true")
    )
    emitters = "".join(f"    {f},\n" for f in (*functions, *(unit.functions[suffix] for unit in tables.units)))
    return f"""\
/* The emit functions of all units: the stencils, then their variants NAME__IN_OUT, which find IN stack entries in
 * registers and leave OUT there. 0 stands for none. */
static void (*const sg_units{suffix}[])(sg_assembler *as, const {instruction} *instruction) = {{
    NULL,
{emitters}}};

/* A step that is more than one unit; the number of its micro-ops. */
static __attribute__((noinline)) size_t sg_emit_step{suffix}(sg_assembler *as, const {instruction} *instruction,
                                                            const sg_plan *plan, size_t number)
{{
    enum {{ UNITS = sizeof sg_units{suffix} / sizeof *sg_units{suffix} }};
    if (number >= SG_STEPS) {{
        const sg_head_step *const head = &plan->heads[number - SG_STEPS];
        sg_units{suffix}[head->fill](as, instruction);
{arrived}        sg_begin_micro_op(as, as->index); /* jumps arrive behind it */
        number = head->step;
    }}
    const sg_step alone = {{.unit = (uint16_t)number, .length = 1}};
    const sg_step *const step = number < UNITS ? &alone : &sg_steps[number - UNITS];
    if (step->before != 0) {{
        sg_units{suffix}[step->before](as, instruction);
{between}    }}
    if (step->length > 1) {{
        sg_begin_unit(as, step);
    }}
    as->is_followed = step->after != 0;
    sg_units{suffix}[step->unit](as, instruction);
    as->is_followed = false;
    if (step->after != 0) {{
{between}        sg_units{suffix}[step->after](as, instruction);
    }}
    if (step->length > 1) {{
        sg_end_unit(as, step);
    }}
    return step->length;
}}

static void sg_emit{suffix}(sg_assembler *as, const void *trace, uint32_t length)
{{
    const {instruction} *const instructions = trace;
    const sg_plan *const plan = sg_planned(as);
    const uint16_t *const steps = plan->steps;
    enum {{ UNITS = sizeof sg_units{suffix} / sizeof *sg_units{suffix} }};
{begin}    for (size_t i = 0; i < length;) {{
        const {instruction} *const instruction = &instructions[i];
        const size_t step = steps[i];
        size_t count = 1;
{meet}        sg_begin_micro_op(as, (uint32_t)i);
{arrive}        if (step < UNITS) {{
            sg_units{suffix}[step](as, instruction);
        }} else {{
            count = sg_emit_step{suffix}(as, instruction, plan, step);
        }}
{again}        i += count;
    }}
}}
"""


# ---- Costs ----

_STATES = 4
"""The planner is fast with four states; so a VM that has fewer gets some that nothing leads to."""


def _padded(matrix: Sequence[Sequence[Step | None]], states: int) -> list[list[Step | None]]:
    rows: list[list[Step | None]] = [[*row, *[None] * (states - len(row))] for row in matrix]
    return rows + [[None] * states for _ in range(states - len(rows))]


_SCALE, _MOST = 32, 4095
"""SG_COST of runtime/include/stencilgen/plan.h; SG_MAX_COST is 32 * 4096."""


def _cost(step: Step | None, before: int) -> str:
    """With its tag: by which step from which state."""
    return str(min(step.cost, _MOST) * _SCALE + before * 4 + step.length - 1) if step else "SG_NEVER"


def _row(index: str, values: Sequence[str]) -> str:
    return f"    [{index}] = {{{', '.join(values)}}},\n"


# ---- Sequences ----

_OPS = "sizeof sg_ops / sizeof *sg_ops"
_AUTOMATON = """
    .letter = sg_letter, .next = sg_next[0], .letters = sizeof *sg_next / sizeof **sg_next, .first = sg_first,
    .ending = sg_ending,"""
_FRAMES = " .frame = sg_frames,"
_FITTING = "    .fitting = sg_fitting,\n"

Rows = Mapping[Parts, int]
"""By sequence of words, its number among all; the pickiest first."""


def _sequence_row(number: int) -> str:
    return f"SG_WORDS + {number}"


def _by_name(choices: Choices) -> dict[Parts, Rows]:
    """By sequence of micro-ops, those of words: first what fits special operands."""
    rows: dict[Parts, dict[Parts, int]] = {}
    found = [parts for parts in choices.matrices if len(parts) > 1]
    found.sort(key=lambda parts: (tuple(map(micro_op, parts)), -sum(map(bool, map(operands, parts))), parts))
    for row, parts in enumerate(found):
        rows.setdefault(tuple(map(micro_op, parts)), {})[parts] = row
    return dict(rows)


def _is_picky(rows: Rows) -> bool:
    """Whether it depends on operands which of a sequence's units fit: a single one has none to be compared with."""
    return any(sum(len(operands(part)) for part in parts) > 1 for parts in rows)


def _automaton(sequences: Mapping[Parts, Rows], opcode: Callable[[str], str]) -> str:
    if not sequences:
        return ""
    automaton = automaton_of(list(sequences))
    letters = "".join(f"    [{opcode(name)}] = {number},\n" for name, number in automaton.letters.items())
    next_ = "".join(f"    {{{', '.join(map(str, row))}}},\n" for row in automaton.next)
    first, endings = [0], []
    for found in automaton.endings:
        for parts in found:
            rows = sequences[parts]
            row = _sequence_row(min(rows.values()))
            endings.append(f"    {{{row}, {len(parts)}, {int(_is_picky(rows))}}}, /* {' '.join(parts)} */\n")
        first.append(len(endings))
    return f"""\
/* The automaton that tells which sequences of micro-ops end where: each micro-op's letter; by node and letter the next node; by
 * node the first of those that end there: their rows in the tables above, their lengths, whether operands matter. */
static const uint16_t sg_letter[SG_WORDS] = {{
{letters}}};
static const uint16_t sg_next[][{len(automaton.letters) + 1}] = {{
{next_}}};
static const uint16_t sg_first[] = {{{", ".join(map(str, first))}}};
static const sg_sequence sg_ending[] = {{
{"".join(endings)}}};

"""


def _fitting(sequences: Mapping[Parts, Rows], expressions: Mapping[str, Sequence[str]], instruction: str) -> str:
    """The C function that compares operands."""
    cases = []
    for names, rows in sequences.items():
        if not _is_picky(rows):
            continue
        cases.append(f"    case {_sequence_row(min(rows.values()))}: /* {' '.join(names)} */\n")
        for parts, row in rows.items():
            test = condition(parts, expressions)
            found = f"return {_sequence_row(row)};\n"
            cases.append(f"        if ({test})\n            {found}" if test else f"        {found}")
        if test:
            cases.append("        return 0;\n")
    if not cases:
        return ""
    return f"""\
/* The row of a sequence's units for the operands that it has at `element`; 0: there are none for these. row: its first. */
static uint32_t sg_fitting(const void *element, uint32_t row)
{{
    const {instruction} *const instruction = element;
    switch (row) {{
{"".join(cases)}    default:
        return row;
    }}
}}

"""


# ---- Where jumps arrive ----

_JUMPS = "\n    .heights = sg_heights, .fills = sg_fills[0],"

_UNKNOWN, _HIGHEST = "SG_UNKNOWN", 100
"""`sg_height.moves` of runtime/include/stencilgen/plan.h, and what certainly fits there."""


def _jump_rows(choices: Choices, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """By micro-op that may jump to where entries are in registers: its first row behind the micro-ops' own, and how many it
    has.
    """
    rows: dict[str, tuple[int, int]] = {}
    first = 0
    for name in names:
        if most := choices.jumps.get(name, 0):
            rows[name] = first, most
            first += most
    return rows


def _heights(
    tables: Tables, names: Sequence[str], jumps: Mapping[str, tuple[int, int]], opcode: Callable[[str], str]
) -> str:
    if not jumps:
        return ""
    lines = []
    for name in names:
        height = tables.heights.get(name, Height(0, None))
        first, most = jumps.get(name, (0, 0))
        known = height.moves is not None and abs(height.moves) <= _HIGHEST
        row = f"{_OPS} + {first}" if most else "0"
        moves = height.moves if known else _UNKNOWN
        lines.append(f"    [{opcode(name)}] = {{{min(height.needs, _HIGHEST)}, {moves}, {most}, {row}}},\n")
    return f"""\
/* By micro-op: how many entries it accesses, by how many it moves the top; up to how many may be in registers where it jumps to,
 * and the row of its choices if it is one. */
static const sg_height sg_heights[{_OPS}] = {{
{"".join(lines)}}};

"""


def _fills(choices: Choices, numbers: Mapping[str, int], states: int) -> str:
    if not choices.fills:
        return ""

    def cell(before: int, after: int) -> str:
        fill = choices.fills.get((before, after))
        return f"{{{min(fill.cost, _MOST) * _SCALE}, {numbers[fill.name]}}}" if fill else "{SG_NEVER, 0}"

    rows = "".join(f"    {{{', '.join(cell(a, b) for b in range(states))}}},\n" for a in range(states))
    return f"""\
/* By the entries in registers before and after it: the transition that fills registers where jumps arrive, its cost first. */
static const sg_fill sg_fills[][{states}] = {{
{rows}}};

"""


# ---- The loop before ----


def render_marking(labels_of: Mapping[str, Sequence[str]], opcode: Callable[[str], str], instruction: str) -> str:
    """`sg_mark_targets`: C for noting in a plan where a micro-op may jump to. labels_of: by stencil, the expressions."""
    return f"""\
/* Note where the micro-op at this position may jump to. */
static inline void sg_mark_targets(sg_plan *plan, uint32_t position, const {instruction} *instruction, uint32_t opcode)
{{
{over_targets(labels_of, opcode, "sg_plan_jump", ["plan", "position"])}}}
"""


def _preparing(tables: Tables, names: Sequence[str], opcode: Callable[[str], str], instruction: str, read: str) -> str:
    """`sg_prepare`: which micro-ops there are, and where jumps arrive."""
    kinds = "".join(
        f"    [{opcode(name)}] = {'SG_MAY_JUMP' if tables.labels.get(name) else 'SG_PLAIN'},\n" for name in names
    )
    return f"""\
{render_marking(tables.labels, opcode, instruction)}
/* What the loop below must know of a micro-op; 0: it has no stencil. */
enum {{ SG_PLAIN = 1, SG_MAY_JUMP }};
static const uint8_t sg_kinds[{_OPS}] = {{
{kinds}}};

static uint32_t sg_prepare(sg_plan *plan, const void *trace, uint32_t length)
{{
    const {instruction} *const instructions = trace;
    uint16_t *const ops = plan->ops;
    for (uint32_t i = 0; i < length; i++) {{
        const {instruction} *const instruction = &instructions[i];
        const uint32_t opcode = {read};
        if (opcode >= sizeof sg_kinds) {{
            return i;
        }}
        ops[i] = (uint16_t)opcode;
        if (sg_kinds[opcode] != SG_PLAIN) {{
            if (sg_kinds[opcode] == 0) {{
                return i;
            }}
            sg_mark_targets(plan, i, instruction, opcode);
        }}
    }}
    return length;
}}

"""
