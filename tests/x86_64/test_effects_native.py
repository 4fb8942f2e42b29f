"""The effects column is true of the processor this runs on.

Every row of the table whose CPUID features this processor has is executed, with registers and with memory, masked and
not, prefixed where it may be, on random states. What changes must be in `writes`, in the flags written or in
`memory_writes`; and what is not read must not matter: with another value in it, everything that the instruction defines
comes out the same. A row that is not executed has one of the reasons of `reason_not_to_run`.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import pytest

from x86_64 import Control, Effects, Flags, Instruction, Masked, Memory, Operand, Register
from x86_64.effects import effects_of
from x86_64.encoder import finish, viable
from x86_64.registers import r9, r12, r14, rax, rbp, rbx, rcx, rdx
from x86_64.table import Form, mnemonics
from x86_64.table import forms as forms_of

from . import native
from .cases import instructions

BATCH = 200  # instructions whose states are in memory at once
SLOT = 448  # bytes of the window around each base register
PRIVILEGED = re.compile(
    r"IN|INS[BWD]|OUT|OUTS[BWD]|CLI|STI|HLT|RDPMC|SMSW|SLDT|STR|GETSECQ?|ENCLU|MONITOR|MWAIT|"
    r"VMCALL|VMMCALL|VMFUNC|VMGEXIT|MCOMMIT"
)
UNREPEATABLE = re.compile(r"RD(TSCP?|RAND|SEED|PID|PMC|PRU)|CPUID|XGETBV")  # the same state gives other results
SELECTOR = 0x2B  # of user data


def reason_not_to_run(form: Form) -> str | None:
    """Why this row is not executed, or None."""
    missing = [f for f in form.features if not native.can_run((f,))]
    if missing:
        return f"CPUID bit absent: {missing[0]}"
    if PRIVILEGED.fullmatch(form.mnemonic):
        return "privileged, or meant for a hypervisor"
    if any(word in {c.value for c in Control} for word in form.effects.split()):
        return "changes control flow"
    return None


@dataclass(frozen=True, slots=True)
class Subject:
    """An instruction as one row of the table has it."""

    form: Form
    operands: tuple[Operand, ...]
    prefixes: tuple[str, ...] = ()

    @property
    def effects(self) -> Effects:
        return _effects(self)

    def encode(self) -> bytes:
        return finish(viable((self.form,), self.operands, self.prefixes)[0]).code

    def __str__(self) -> str:
        return f"{' '.join(self.prefixes)} {self.form} as {', '.join(map(str, self.operands))}".strip()


@lru_cache(BATCH)
def _effects(subject: Subject) -> Effects:
    return effects_of(subject.form, subject.operands, subject.prefixes)


def _inner(operand: Operand) -> Operand:
    return operand.operand if isinstance(operand, Masked) else operand


def _in_window(form: Form, operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    """The operands with memory moved to where the state's window will be."""
    registers = {o.whole for o in map(_inner, operands) if isinstance(o, Register)}
    registers |= {Register.named(name).whole for name in re.findall(r"\+\[?([a-z]\w+)", form.effects)}
    base = next(r for r in (rbx, r14, r12, r9, rbp) if r not in registers)

    def moved(operand: Operand) -> Operand:
        match operand:
            case Masked(inner):
                return replace(operand, operand=moved(inner))  # type: ignore[arg-type]
            case Memory() if "A" in form.places:
                return Memory(displacement=native.WINDOW + 64, size=operand.size)
            case Memory():
                index = operand.index if operand.index is not None and operand.index.kind[1:] == "mm" else None
                return replace(operand, base=base, index=index, displacement=64, segment=None, target=None)
        return operand

    return tuple(map(moved, operands))


def _signature(instruction: Instruction) -> tuple[object, ...]:
    """What makes samples of a form worth running beside each other."""
    memory = next((m for m in map(_inner, instruction.operands) if isinstance(m, Memory)), None)
    masked = next((o for o in instruction.operands if isinstance(o, Masked)), None)
    return (memory is not None, memory is not None and memory.broadcast, masked and masked.zeroing)


def subjects(form: Form, samples: int) -> list[Subject]:
    """Some samples of each kind, with registers and with memory; prefixed ones too."""
    words = form.effects.split()
    result: dict[Subject, None] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    for instruction in instructions(form):
        signature = _signature(instruction)
        seen[signature] += 1
        if seen[signature] > (1 if signature[0] else samples):
            continue
        operands = OPERANDS[form.mnemonic] if form.mnemonic in OPERANDS else _in_window(form, instruction.operands)
        if form.mnemonic in ("DIV", "IDIV") and getattr(operands[0], "whole", None) in (rax, rdx):
            continue
        result[Subject(form, operands)] = None
        if "lock" in words and signature[0]:
            result[Subject(form, operands, ("LOCK",))] = None
        result |= {Subject(form, operands, (w.upper(),)): None for w in ("rep", "repne") if w in words}
    return list(result)


OPERANDS: dict[str, tuple[Operand, ...]] = {"ENTER": (16, 0), "ENTERW": (16, 0)}


# --- states


def _address(memory: Memory, state: bytes | bytearray) -> int | None:
    """Offset in the window; None if the extent is not known."""
    assert isinstance(memory.displacement, int)
    if memory.size is None or memory.index is not None:
        return None
    base = int.from_bytes(native.get(state, memory.base.whole), "little") if memory.base else 0
    return base + memory.displacement - native.WINDOW


def _place(state: bytearray, memory: Memory, value: bytes) -> None:
    """Put bytes into the window where the operand is."""
    offset = _address(replace(memory, size=1), state)
    assert offset is not None
    state[native.REGISTERS_SIZE + offset : native.REGISTERS_SIZE + offset + len(value)] = value


def _set(state: bytearray, operand: Operand, value: bytes) -> None:
    """Give a register or memory operand its low bytes."""
    match operand:
        case Register():
            native.put(state, operand.whole, value + native.get(state, operand.whole)[len(value) :])
        case Memory():
            _place(state, operand, value)


def _divide(subject: Subject, state: bytearray, generator: random.Random) -> None:
    native.put(state, rax, generator.randrange(64).to_bytes(8, "little"))
    native.put(state, rdx, bytes(8))
    _set(state, subject.operands[0], b"\x25" * (getattr(subject.operands[0], "size", None) or 1))


def _bit_offset(subject: Subject, state: bytearray, generator: random.Random) -> None:
    if isinstance(subject.operands[0], Memory) and isinstance(subject.operands[1], Register):
        native.put(state, subject.operands[1].whole, generator.randrange(256).to_bytes(8, "little"))


def _selector(subject: Subject, state: bytearray, generator: random.Random) -> None:
    source = subject.operands[-1]
    if isinstance(source, Memory) and source.size:
        selector = SELECTOR.to_bytes(2, "little")
        _place(state, source, bytes(source.size - 2) + selector)
        if source.size == 10:  # AMD's processors take 16:32 bits
            _place(state, source + 4, selector)
    elif isinstance(source, Register) and source.kind != "sreg":
        _set(state, source, SELECTOR.to_bytes(2, "little"))


def _move(subject: Subject, state: bytearray, generator: random.Random) -> None:
    if getattr(subject.operands[0], "kind", "") == "sreg":
        _selector(subject, state, generator)


def _top_of_stack(value: Callable[[random.Random], int]) -> Prepare:
    def prepare(subject: Subject, state: bytearray, generator: random.Random) -> None:
        _place(state, Memory(Register.named("rsp")), value(generator).to_bytes(8, "little"))

    return prepare


def _pop(subject: Subject, state: bytearray, generator: random.Random) -> None:
    if getattr(subject.operands[0], "kind", "") == "sreg":
        _top_of_stack(lambda _: SELECTOR)(subject, state, generator)


def _canonical(subject: Subject, state: bytearray, generator: random.Random) -> None:
    _set(state, subject.operands[0], generator.randbytes(5).ljust(8, b"\0"))


def _first_component(subject: Subject, state: bytearray, generator: random.Random) -> None:
    native.put(state, rcx, bytes(8))


def _mxcsr(offset: int) -> Prepare:
    def prepare(subject: Subject, state: bytearray, generator: random.Random) -> None:
        memory = subject.operands[0]
        assert isinstance(memory, Memory)
        _place(state, memory + offset, (0x1F80).to_bytes(4, "little"))

    return prepare


def _saved_state(subject: Subject, state: bytearray, generator: random.Random) -> None:
    _mxcsr(24)(subject, state, generator)
    memory = subject.operands[0]
    assert isinstance(memory, Memory)
    _place(state, memory + 512, generator.choice([b"\0", b"\3"]) + bytes(63))  # x87 and SSE saved, or nothing
    _place(state, memory, native.X87_DEFAULTS[:24])


Prepare = Callable[[Subject, bytearray, random.Random], None]
PREPARE: dict[str, Prepare] = {
    r"I?DIV": _divide,
    r"BT[CRS]?": _bit_offset,
    r"MOV": _move,
    r"L[FGS]S": _selector,
    r"POPW?": _pop,
    r"WR[FG]SBASE": _canonical,
    r"POPF[QW]?": _top_of_stack(lambda g: g.getrandbits(12) & native.FLAGS | 0x202),
    r"XGETBV|RDPKRU": _first_component,
    r"V?LDMXCSR": _mxcsr(0),
    r"FXRSTOR(64)?": _mxcsr(24),
    r"XRSTOR(64)?": _saved_state,
}


def _random_state(subject: Subject, generator: random.Random) -> bytearray:
    state = bytearray(generator.randbytes(native.SIZE))
    native.put_x87_defaults(state, tags=generator.choice((0xFF, 0, generator.getrandbits(8))))
    for register in native.GENERAL:
        if generator.random() < 0.3:
            native.put(state, register, generator.choice((0, 1, 2, 64, 2**64 - 1)).to_bytes(8, "little"))
    native.put_flags(state, generator.getrandbits(16))
    for memory in _memories(subject):
        if memory.base is not None:
            native.put(
                state, memory.base.whole, (native.WINDOW + 512 + memory.base.number * SLOT).to_bytes(8, "little")
            )
        if memory.index is not None:  # a vector of small offsets
            step = 8 if any("vm64" in kind for kind in subject.form.kinds) else 4
            offsets = [generator.randrange(64).to_bytes(step, "little") for _ in range(64 // step)]
            native.put(state, memory.index.whole, b"".join(offsets))
    if subject.prefixes and rcx in subject.effects.writes:
        native.put(state, rcx, generator.randrange(4).to_bytes(8, "little"))
    for pattern, prepare in PREPARE.items():
        if re.fullmatch(pattern, subject.form.mnemonic):
            prepare(subject, state, generator)
    return state


def _states(subject: Subject, count: int, generator: random.Random) -> list[bytes]:
    """Some states, each followed by its changes."""
    states = []
    for _ in range(count):
        base = _random_state(subject, generator)
        states.append(bytes(base))
        for change in _changes(subject):
            other = bytearray(base)
            change.apply(other, subject, generator)
            states.append(bytes(other))
    return states


def _memories(subject: Subject) -> Iterator[Memory]:
    yield from (o for o in map(_inner, subject.operands) if isinstance(o, Memory))
    yield from subject.effects.memory_reads
    yield from subject.effects.memory_writes


def _places(registers: frozenset[Register]) -> frozenset[Register]:
    """The registers of the state that hold these; segment registers are in no state."""
    stack = {r.number: r for r in native.X87}
    result = {stack[r.number] if r.kind == "mm" else r.whole if r.whole in native.STATE else r for r in registers}
    return frozenset(r for r in result if r in native.STATE)


@dataclass(frozen=True, slots=True)
class Change:
    """A state that differs from another in what the instruction does not read."""

    what: tuple[Register, ...] | Flags | None  # None: the window
    keep: int = 0  # low bytes of the register that stay

    def apply(self, state: bytearray, subject: Subject, generator: random.Random) -> None:
        if self.what is None:
            start = native.REGISTERS_SIZE
            old = bytes(state[start:])
            state[start:] = generator.randbytes(native.WINDOW_SIZE)
            for offset in _covered(subject.effects.memory_reads + subject.effects.memory_writes, state):
                state[start + offset] = old[offset]
        elif isinstance(self.what, Flags):
            native.put_flags(state, native.flags(state) ^ self.what)
        else:
            for register in self.what:
                value = native.get(state, register)
                native.put(state, register, value[: self.keep] + generator.randbytes(register.size - self.keep))

    def __str__(self) -> str:
        return "memory" if self.what is None else str(self.what)


def _covered(memories: tuple[Memory, ...], state: bytes | bytearray) -> range | frozenset[int]:
    """Offsets in the window that these accesses may touch: all of it, if some extent is not known."""
    result: set[int] = set()
    for memory in memories:
        offset = _address(memory, state)
        if offset is None or memory.size is None:
            return range(native.WINDOW_SIZE)
        result |= set(range(offset, offset + memory.size))
    return frozenset(result)


@lru_cache(BATCH)
def _changes(subject: Subject) -> list[Change]:
    effects = subject.effects
    if UNREPEATABLE.fullmatch(subject.form.mnemonic):
        return []
    read = _places(effects.reads) | {m.base.whole for m in _memories(subject) if m.base is not None}
    unread = _places(effects.writes) - read
    bystanders = [r for r in native.STATE if r not in read and r not in unread]
    narrow = [r for r in effects.reads if _upper_unread(effects, r)]
    flags = [f for f in Flags if not f & effects.flags_read]
    return [
        *(Change((r,)) for r in unread),
        Change(tuple(bystanders)),
        *(Change((r.whole,), r.size) for r in narrow),
        *map(Change, flags),
        Change(None),
    ]


def _upper_unread(effects: Effects, register: Register) -> bool:
    """Whether only a low part of this general register is read: then its upper bits must not matter."""
    return (
        register.kind in ("r8", "r16", "r32")
        and not any(r.whole is register.whole and (r.size > register.size or r.kind == "r8h") for r in effects.reads)
        and register.whole not in _places(effects.partial_writes)
    )


# --- the test


def _check(subject: Subject, states: list[bytes], outputs: list[bytes]) -> Iterator[str]:
    effects = subject.effects
    written = _places(effects.writes)
    # A legacy SSE write keeps the rest of the zmm register.
    partial = _places(effects.partial_writes) | {r for r in written - effects.writes if r.kind == "zmm"}
    defined = effects.flags_written & ~effects.flags_undefined
    for state, output in zip(states, outputs, strict=True):
        expected = bytearray(state)
        for register in written:
            native.put(expected, register, native.get(output, register))
        if expected[native.FIRST : native.REGISTERS_SIZE] != output[native.FIRST : native.REGISTERS_SIZE] or any(
            native.get(expected, r) != native.get(output, r) for r in native.X87
        ):
            changed = [r for r in native.STATE if native.get(expected, r) != native.get(output, r)]
            if changed:
                yield f"changes {changed}, which are not in writes"
        touched = (native.flags(state) ^ native.flags(output)) & native.FLAGS
        if touched & ~(effects.flags_written | effects.flags_undefined):
            yield f"changes {Flags(touched)!r}, writes only {effects.flags_written!r}"
        before, after = native.window(state), native.window(output)
        if before != after:
            covered = _covered(effects.memory_writes, state)
            if any(a != b and i not in covered for i, (a, b) in enumerate(zip(before, after, strict=True))):
                yield "changes memory that is not in memory_writes"
    changes = _changes(subject)
    for start in range(0, len(outputs), len(changes) + 1):
        base, *others = outputs[start : start + len(changes) + 1]
        defined_memory = _covered(effects.memory_writes, states[start])
        for change, output in zip(changes, others, strict=True):
            for register in written:
                kept = register in partial and isinstance(change.what, tuple) and register in change.what
                if not kept and native.get(output, register) != native.get(base, register):
                    yield f"{register} depends on {change}, which is not in reads"
            if (native.flags(output) ^ native.flags(base)) & defined:
                yield f"flags depend on {change}, which is not in reads"
            if change.what is not None:
                one, other = native.window(base), native.window(output)
                if one != other and any(one[i] != other[i] for i in defined_memory):
                    yield f"memory depends on {change}, which is not in reads"


@pytest.mark.skipif(not native.runs_here(), reason="needs Linux on x86-64")
@pytest.mark.skipif(not native.HAS_AVX512, reason="the state is read and written with AVX-512")
def test_what_changes_is_written_and_what_matters_is_read(pytestconfig: pytest.Config) -> None:
    long = pytestconfig.getoption("--long")
    seed = random.SystemRandom().getrandbits(32) if long else 1
    print(f"seed {seed}")
    generator = random.Random(seed)
    reasons = {form: reason_not_to_run(form) for name in sorted(mnemonics()) for form in forms_of(name)}
    executed = [form for form, reason in reasons.items() if reason is None]
    everything = [subject for form in executed for subject in subjects(form, 3 if long else 1)]
    assert {s.form for s in everything} == set(executed), "a row without a sample"
    wrong = []
    for start in range(0, len(everything), BATCH):
        batch = everything[start : start + BATCH]
        jobs = [(subject.encode(), _states(subject, 20 if long else 1, generator)) for subject in batch]
        for subject, (_, states), outputs in zip(batch, jobs, native.run_all(jobs), strict=True):
            if isinstance(outputs, int):
                wrong.append(f"{subject}: ended by signal {outputs}")
            else:
                wrong += [f"{subject}: {text}" for text in _check(subject, states, outputs)][:1]
    print(f"{len(executed)} of {len(reasons)} rows executed as {len(everything)} instructions; the others:")
    for reason, count in Counter(filter(None, reasons.values())).most_common():
        print(f"{count:5} {reason}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(everything)} instructions", *wrong[:200]])
