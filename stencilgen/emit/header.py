"""jit_stencils.h: all emit functions, and the VM described to the runtime in its own types.

The key idea: the header guards itself. It is plain C that may be committed and compiled years later by another compiler
against changed VM headers; so it asserts what Clang assumed when the stencils were compiled (every size and offset of
the VM's structs), the runtime's ABI, and carries the fingerprint by which `stencilgen check` tells whether it still
fits the sources.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

from dasc import PRELUDE
from llvm_passes.last_values import Place
from stencilgen.config import Config
from stencilgen.emit import targets
from stencilgen.emit.constants import Pool
from stencilgen.layout.conventions import STATE_INTEGERS
from stencilgen.toolchain.cpu import Cpu
from stencilgen.units.operands import operands_function
from stencilgen.units.table import Tables, render_loop, render_marking, render_tables
from stencilgen.version import RUNTIME_ABI, VERSION
from x86_64 import Register

__all__ = [
    "Emitter",
    "Extern",
    "HeaderContent",
    "Layout",
    "Level",
    "Shared",
    "StateParameter",
    "fingerprint_of",
    "render_header",
]


@dataclass(frozen=True, slots=True)
class StateParameter:
    """One parameter of STENCIL_STATE: its name, its C type, and its kind: 'i' integer or pointer, 'f' float, 'd' double."""

    name: str
    type: str
    kind: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A struct of the VM as Clang laid it out: size and offsets in bytes. `type` is how C names it: `Frame`, `struct node`."""

    type: str
    size: int
    offsets: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Extern:
    """A function or object that the stencils refer to by address, in the VM or in a library."""

    name: str
    kind: Literal["function", "object", "thread-local"]


@dataclass(frozen=True, slots=True)
class Emitter:
    """One emit function, compiled to C, and what the runtime must know of it before it is called. name: the micro-op's."""

    name: str
    function: str
    c_source: str
    max_hot: int
    max_cold: int
    frame: int
    ends: bool
    """Whether it never goes on to the next micro-op by falling through."""


@dataclass(frozen=True, slots=True)
class Level:
    """The emit functions of all micro-ops for one level of x86-64, in the order of the sources. suffix: of its C names."""

    cpu: Cpu
    suffix: str
    emitters: Sequence[Emitter]


class Shared(Protocol):
    """Cold code that stencils share: emitted once for a context."""

    @property
    def name(self) -> str: ...
    @property
    def c_source(self) -> str: ...
    @property
    def max_size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class HeaderContent:
    """All that goes into a header. levels: the lowest first; they share emit functions. units: what there is beside the
    stencils, if anything; operands: by stencil, the C expressions of what sequences of micro-ops are told apart by; targets:
    by stencil, those of the positions that it may jump to; facts: whether it has any; places: whose stores are put off; uses: by
    stencil, which of them it sets and writes, a bit for each; standing: the position in the state of the pointer of a stack whose
    depth is static;
    shared: cold code that stencils call.
    """

    levels: Sequence[Level]
    pool: Pool
    externs: Sequence[Extern]
    layouts: Sequence[Layout]
    state: Sequence[StateParameter]
    fingerprint: str
    units: Tables | None = None
    operands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shared: Sequence[Shared] = ()
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    facts: bool = False
    places: Sequence[Place] = ()
    standing: int | None = None
    uses: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def emitters(self) -> Sequence[Emitter]:
        """Those of the lowest level."""
        return self.levels[0].emitters


def fingerprint_of(header: str) -> str | None:
    """The fingerprint that a header carries; None when it is not one of ours."""
    for line in header.splitlines()[:40]:
        if line.startswith('#define SG_FINGERPRINT "'):
            return line.split('"')[1]
    return None


def render_header(config: Config, content: HeaderContent) -> str:
    """The whole header as text; the same bytes for the same content."""
    sections = [
        _top(config, content),
        _layouts(content.layouts),
        _opcodes(config, content.emitters),
        _externs(content.externs),
        _constants(content.pool),
        _shared(content.shared),
        *(emitter.c_source.rstrip() + "\n" for emitter in _distinct(content.levels)),
        *(source.rstrip() + "\n" for source in (content.units.sources if content.units else ())),
        _opcode(config),
        targets.note_targets(content.targets, partial(opcode_name, config), config.instruction.type)
        if content.facts
        else "",
        _marking(config, content),
        _uses(config, content),
        *(_table(config, level) for level in content.levels),
        _choices(config, content),
        *(_emit_loop(config, level, content) for level in content.levels),
        _operands(config, content),
        _description(config, content),
        _embedding(config, content.state),
        "#endif\n",
    ]
    return "\n".join(section for section in sections if section)


def _distinct(levels: Sequence[Level]) -> list[Emitter]:
    return list({emitter.function: emitter for level in levels for emitter in level.emitters}.values())


def _top(config: Config, content: HeaderContent) -> str:
    sources = ", ".join(config.stencils.sources)
    return f"""\
/* Emit functions for {len(content.emitters)} micro-ops, generated by stencilgen {VERSION} from {sources}: do not edit.
 * This file may be used without restriction.
 *
 *     sg_error error;
 *     sg_jit *jit = sg_jit_new(&(sg_options){{.near = &some_vm_function}}, &error);
 *     sg_code *code = sg_compile(jit, trace, length, &error);
 *     sg_exit exit = sg_enter(jit, code, {", ".join(p.name for p in content.state) or "(no state)"});
 *
 * Include it in one C file; compile the runtime's sources beside it.
 */
#ifndef JIT_STENCILS_H
#define JIT_STENCILS_H

#include "{config.instruction.header}"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SG_EXTERN(name) sg_extern_##name
{PRELUDE}#include <stencilgen/expression.h>
#include <stencilgen/jit.h>
{"".join(f"#include <stencilgen/{name}.h>{chr(10)}" for name in _further(content))}
#define SG_FINGERPRINT "{content.fingerprint}"

_Static_assert(SG_ABI == {RUNTIME_ABI}, "this header was generated for another version of the runtime: run stencilgen build");
"""


def _further(content: HeaderContent) -> list[str]:
    """The runtime's headers that only some VMs need."""
    return [
        name
        for name, needed in (("facts", content.facts), ("plan", content.units or _needs_targets(content)))
        if needed
    ]


def _needs_targets(content: HeaderContent) -> bool:
    """Whether something has to be put right where jumps arrive."""
    return bool(content.places) or content.standing is not None


def _layouts(layouts: Sequence[Layout]) -> str:
    if not layouts:
        return ""
    lines = ["/* The stencils were compiled for these layouts. */"]
    for layout in layouts:
        lines.append(f'_Static_assert(sizeof({layout.type}) == {layout.size}, "{layout.type}: {_CHANGED}");')
        for member, offset in layout.offsets:
            lines.append(
                f'_Static_assert(offsetof({layout.type}, {member}) == {offset}, "{layout.type}.{member}: {_CHANGED}");'
            )
    return "\n".join(lines) + "\n"


_CHANGED = "not as when the stencils were compiled: run stencilgen build"


def opcode_name(config: Config, name: str) -> str:
    """The C constant that stands for a stencil in an instruction's opcode."""
    return config.instruction.names.replace("{}", name) if config.instruction.names else f"SG_OP_{name}"


def _opcodes(config: Config, emitters: Sequence[Emitter]) -> str:
    if config.instruction.names:
        return ""
    names = "".join(f"    {opcode_name(config, emitter.name)},\n" for emitter in emitters)
    return f"/* Opcodes: which stencil an instruction is for. */\nenum {{\n{names}}};\n"


def extern_symbol(name: str) -> str:
    """The C identifier under which a symbol's address is taken: our own, so that no declaration of the VM can disagree."""
    return f"sg_extern_{''.join(c if c.isalnum() or c == '_' else '_' for c in name)}"


_DECLARATIONS = {"function": "void {}(void)", "object": "char {}[]", "thread-local": "_Thread_local char {}[]"}
_MODEL = ' __attribute__((tls_model("initial-exec")))'  # only then is the offset the same in all threads


def _externs(externs: Sequence[Extern]) -> str:
    if not externs:
        return ""
    lines = ["/* What stencils refer to by address, whatever headers declare it. */"]
    for extern in externs:
        declared = _DECLARATIONS[extern.kind].format(extern_symbol(extern.name))
        lines.append(f'extern {declared} __asm__("{extern.name}"){_MODEL if extern.kind == "thread-local" else ""};')
    return "\n".join(lines) + "\n"


def _constants(pool: Pool) -> str:
    if not pool.content:
        return ""
    lines = ["/* Constants of the stencils; each context has a copy within reach of its code. */", "enum {"]
    lines += [f"    {name} = {offset}," for name, offset in pool.offsets.items()]
    lines += ["};", "static const uint8_t sg_rodata[] = {"]
    lines += textwrap.wrap(
        ", ".join(f"0x{byte:02x}" for byte in pool.content) + ",", 110, initial_indent="    ", subsequent_indent="    "
    )
    lines.append("};")
    if pool.relocations:
        lines.append("static const sg_relocation sg_relocations[] = {")
        for relocation in pool.relocations:
            if relocation.symbol is None:
                lines.append(f"    {{{relocation.offset}, SG_RELOCATION_RODATA, NULL, {relocation.addend}}},")
            else:
                symbol = f"(const void *)&{extern_symbol(relocation.symbol)}"
                lines.append(f"    {{{relocation.offset}, SG_RELOCATION_SYMBOL, {symbol}, {relocation.addend}}},")
        lines.append("};")
    return "\n".join(lines) + "\n"


def _shared(parts: Sequence[Shared]) -> str:
    if not parts:
        return ""
    names = "".join(f"    {part.name},\n" for part in parts)
    functions = "\n".join(part.c_source for part in parts)
    rows = "".join(f'    {{"{part.name}", (sg_emit_function)emit_{part.name}, {part.max_size}}},\n' for part in parts)
    return f"""\
/* Cold code that stencils share; each context has it once. */
enum {{
{names}}};

{functions}
static const sg_part sg_parts[] = {{
{rows}}};
"""


def _opcode(config: Config) -> str:
    return f"""\
static uint32_t sg_opcode(const void *element)
{{
    const {config.instruction.type} *const instruction = element;
    return (uint32_t)({config.instruction.opcode});
}}
"""


def _operands(config: Config, content: HeaderContent) -> str:
    name = partial(opcode_name, config)
    return operands_function(name, content.operands, config.instruction.type, config.instruction.opcode)


def _table(config: Config, level: Level) -> str:
    """What exists once for each level of x86-64: the table of emit functions, and a loop that knows it."""
    rows = "".join(
        f'    [{opcode_name(config, e.name)}] = {{"{e.name}", (sg_emit_function){e.function}, '
        f"{e.max_hot}, {e.max_cold}, {e.frame}, {'SG_ENDS' if e.ends else '0'}}},\n"
        for e in level.emitters
    )
    instruction = config.instruction.type
    ops = f"sg_ops{level.suffix}"
    return f"""\
/* Every micro-op{f" for {level.cpu.name}" if level.suffix else ""}: its emit function, and the room it needs. */
static const sg_op {ops}[] = {{
{rows}}};

static uint32_t sg_measure{level.suffix}(const void *trace, uint32_t length, sg_size *size)
{{
    const {instruction} *const instructions = trace;
    sg_size total = {{0}}; /* in registers: each addition would wait for memory otherwise */
    for (uint32_t i = 0; i < length; i++) {{
        const {instruction} *const instruction = &instructions[i];
        const uint32_t opcode = (uint32_t)({config.instruction.opcode});
        if (opcode >= sizeof {ops} / sizeof *{ops} || {ops}[opcode].emit == NULL) {{
            return i;
        }}
        sg_measure_op(&total, &{ops}[opcode]);
    }}
    *size = total;
    return length;
}}
"""


def _choices(config: Config, content: HeaderContent) -> str:
    """What the planner reads, if there is something to choose."""
    if content.units is None:
        return ""
    instruction, read = config.instruction.type, f"(uint32_t)({config.instruction.opcode})"
    names = [emitter.name for emitter in content.emitters]
    return render_tables(content.units, names, partial(opcode_name, config), instruction, read)


def _marking(config: Config, content: HeaderContent) -> str:
    """For a VM without units: where jumps arrive, memory and the stack pointer must be right."""
    if content.units or not _needs_targets(content):
        return ""
    return render_marking(content.targets, partial(opcode_name, config), config.instruction.type)


def _uses(config: Config, content: HeaderContent) -> str:
    if not content.places:
        return ""
    rows = "".join(
        f"    [{opcode_name(config, name)}] = {{{sets}, {writes}}},\n" for name, (sets, writes) in content.uses.items()
    )
    return f"""\
/* By micro-op, which places it sets, and which it writes on every way, a bit for each. */
static const sg_last_use sg_last_uses[] = {{
{rows}}};
"""


_MEET = "        sg_meet_last(as, plan, (uint32_t)i);\n"
_MEET_DEPTH = "        sg_meet_depth(as, plan->target[i] != 0);\n"


def _emit_loop(config: Config, level: Level, content: HeaderContent) -> str:
    """`sg_emit`: each micro-op by itself, or what the planner chooses."""
    instruction, read = config.instruction.type, f"(uint32_t)({config.instruction.opcode})"
    begin, arrive, again = "", "", ""
    if content.facts:
        begin, arrive, again = targets.begin(instruction, read), targets.ARRIVE, targets.AGAIN
    meet = _MEET if content.places else ""
    standing = content.standing is not None
    if standing:
        meet += _MEET_DEPTH
    if content.units:
        emitters = [emitter.function for emitter in level.emitters]
        return render_loop(content.units, emitters, level.suffix, instruction, begin, meet, arrive, again, standing)
    functions = "".join(f"    [{opcode_name(config, e.name)}] = {e.function},\n" for e in level.emitters)
    plan = ""
    if _needs_targets(content):
        plan = f"""\
    sg_plan *const plan = sg_plan_begin(as, length);
    if (plan == NULL) {{
        return;
    }}
    for (uint32_t i = 0; i < length; i++) {{
        const {instruction} *const instruction = &instructions[i];
        plan->ops[i] = (uint16_t){read};
        sg_mark_targets(plan, i, instruction, plan->ops[i]);
    }}
"""
    return f"""\
static void (*const sg_emitters{level.suffix}[])(sg_assembler *as, const {instruction} *instruction) = {{
{functions}}};

static void sg_emit{level.suffix}(sg_assembler *as, const void *trace, uint32_t length)
{{
    const {instruction} *const instructions = trace;
{begin}{plan}    for (uint32_t i = 0; i < length;{"" if again else " i++"}) {{
        const {instruction} *const instruction = &instructions[i];
{meet}        sg_begin_micro_op(as, i);
{arrive}        sg_emitters{level.suffix}[{read}](as, instruction);
{f"{again}        i++;{chr(10)}" if again else ""}    }}
}}
"""


def _description(config: Config, content: HeaderContent) -> str:
    """The VM for the runtime, once for each level."""
    kinds = ", ".join(f"'{parameter.kind}'" for parameter in content.state) or "0"
    rodata = "sg_rodata, sizeof sg_rodata" if content.pool.content else "NULL, 0"
    relocations = (
        "sg_relocations, sizeof sg_relocations / sizeof *sg_relocations" if content.pool.relocations else "NULL, 0"
    )
    parts = "sg_parts, sizeof sg_parts / sizeof *sg_parts" if content.shared else "NULL, 0"
    instruction = config.instruction.type
    places, uses = ("sg_places", "sg_last_uses") if content.places else ("NULL", "NULL")
    stack = 0 if content.standing is None else 1 + state_register(content.state, content.standing).number
    choices = "&sg_unit_choices, sg_prepare" if content.units else "NULL, NULL"
    descriptions = "\n".join(
        f"""\
static const sg_vm sg_vm_description{suffix} = {{
    SG_ABI, {cpu.constant}, sizeof({instruction}), sg_ops{suffix}, sizeof sg_ops{suffix} / sizeof *sg_ops{suffix},
    sg_opcode, {rodata}, {relocations}, {parts},
    sg_state_kinds, {len(content.state)}, sg_measure{suffix}, sg_emit{suffix}, sg_operands,
    {places}, {len(content.places)}, {uses}, {choices}, {stack},
}};
"""
        for cpu, suffix in ((level.cpu, level.suffix) for level in content.levels)
    )
    all_of_them = ", ".join(f"&sg_vm_description{level.suffix}" for level in content.levels)
    return f"""\
static const uint8_t sg_state_kinds[] = {{{kinds}}};
{_places(content.places)}
{descriptions}
/* The VM for each level of x86-64, the lowest first. */
static const sg_vm *const sg_vms[] = {{{all_of_them}}};
"""


def state_register(state: Sequence[StateParameter], position: int) -> Register:
    """Where an integer or pointer of the state lives."""
    assert state[position].kind == "i"
    return STATE_INTEGERS[sum(parameter.kind == "i" for parameter in state[:position])]


def _places(places: Sequence[Place]) -> str:
    if not places:
        return ""
    rows = "".join(
        f"    {{{Register.named(place.register).number}, {place.size}, {place.offset}}}, /* {place.name} */\n"
        for place in places
    )
    return f"""
/* Places whose stores are put off: register, bytes, displacement. */
static const sg_last_place sg_places[] = {{
{rows}}};
"""


def _embedding(config: Config, state: Sequence[StateParameter]) -> str:
    """The runtime's generic calls in the VM's own types. Names in `sg_enter` begin with sg_: a state may be called `code`."""
    members = "".join(f"    {_declare(parameter)};\n" for parameter in state)
    parameters = "".join(f", {_declare(parameter)}" for parameter in state)
    store = "".join(
        f"    sg_slots[{i}] = sg_slot(&{p.name}, sizeof {p.name}, SG_SIGNED({p.name}));\n" for i, p in enumerate(state)
    )
    fetch = "".join(
        f"    memcpy(&sg_result.state.{p.name}, &sg_slots[{i}], sizeof {p.name});\n" for i, p in enumerate(state)
    )
    struct = f"/* The machine state. */\ntypedef struct sg_state {{\n{members}}} sg_state;\n" if state else ""
    member = "    sg_state state; /* SG_EXITED: the state at the exit */\n" if state else ""
    return f"""\
{struct}
/* How a trace was left. */
typedef struct sg_exit {{
    sg_exit_kind kind;
    uint32_t index; /* SG_EXITED: the micro-op that exited; the trace's length when it ran off its end */
    uint64_t value; /* SG_RETURNED */
    sg_code *code;  /* SG_EXITED: the trace that was left; by links it may be another than the one entered */
{member}}} sg_exit;

static inline sg_jit *sg_jit_new(const sg_options *options, sg_error *error)
{{
    return sg_jit_create(sg_vm_for(sg_vms, sizeof sg_vms / sizeof *sg_vms, options), options, error);
}}

static inline void sg_jit_free(sg_jit *jit)
{{
    sg_jit_destroy(jit);
}}

static inline sg_code *sg_compile(sg_jit *jit, const {config.instruction.type} *trace, size_t length, sg_error *error)
{{
    return sg_compile_trace(jit, trace, length, error);
}}

static inline sg_exit sg_enter(const sg_jit *sg_in, const sg_code *sg_entered{parameters})
{{
    uint64_t sg_slots[{max(len(state), 1)}] = {{0}};
{store}    const sg_outcome sg_out = sg_enter_code(sg_in, sg_entered, sg_slots);
    sg_exit sg_result = {{.kind = sg_out.kind, .index = sg_out.index, .value = sg_out.value, .code = sg_out.code}};
{fetch}    return sg_result;
}}
"""


def _declare(parameter: StateParameter) -> str:
    space = "" if parameter.type.endswith("*") else " "
    return f"{parameter.type}{space}{parameter.name}"
