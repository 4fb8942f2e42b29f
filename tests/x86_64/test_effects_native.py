"""The effects column is true of the processor this runs on.

Each instruction on registers runs on random states. What changes must be in `writes` or in the flags written; and what is
not in `reads` must not matter: with another value in it, everything that the instruction defines comes out the same.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import pytest

from x86_64 import Control, Flags, Instruction, Masked, Memory, Register
from x86_64.table import forms as forms_of
from x86_64.table import mnemonics

from . import native
from .cases import instructions

STATES = 2
VARIANTS = 3  # instructions of each form: low and high registers, masked
# Privileged, slow, dependent on more than registers, or ending the process; the table's effects of these are reviewed by eye.
SKIPPED = re.compile(
    r"(DIV|IDIV|IN|OUT|.*RDTSC.*|RDPMC|RDPRU|RDPID|RD(RAND|SEED|[FG]SBASE)|WR[FG]SBASE|CPUID|SYS.*|INT.*|UD[012]|CLI|STI|HLT|X.*|"
    r"VERR|VERW|LAR|LSL|SLDT|STR|SMSW|RDSSP.*|WRUSS.*|INCSSP.*|ENCLU|GETSEC.*|V?ZERO.*|VZEROUPPER|STD|POPF.*|ENTER.*|LEAVE.*|"
    r"MONITOR.*|MWAIT.*|UMONITOR|UMWAIT|TPAUSE|PAUSE|SERIALIZE|T.*ILE.*|LDMXCSR|RSTORSSP|CLUI|STUI|TESTUI|UIRET|SENDUIPI|"
    r"CLZERO|VMGEXIT|VMMCALL|VMCALL|VMFUNC|MCOMMIT|ENDBR.*|EMMS|FEMMS|SETSSBSY|CLRSSBSY|PTWRITE|LLWPCB|SLWPCB|LWP.*)\Z"
)


def runnable() -> list[Instruction]:
    """Instructions whose operands are general registers, vectors and masks, without memory or control flow."""
    result: dict[Instruction, None] = {}
    for name in sorted(mnemonics()):
        if SKIPPED.match(name):
            continue
        for form in forms_of(name):
            if native.can_run(form.features):
                result |= dict.fromkeys([i for i in instructions(form) if _fit(i)][:VARIANTS])
    return list(result)


def _fit(instruction: Instruction) -> bool:
    effects = instruction.effects
    if not native.can_run(instruction.forms[0].features):
        return False
    if effects.control is not Control.NEXT or effects.memory_reads or effects.memory_writes:
        return False
    inner = [o.operand if isinstance(o, Masked) else o for o in instruction.operands]
    if any(isinstance(o, Memory) for o in inner) and instruction.mnemonic != "LEA":
        return False
    if not native.HAS_AVX512 and instruction.forms[0].family != "legacy":
        return False
    return all(r.whole in native.STATE or r in native.STATE for r in effects.reads | effects.writes)


def _places(registers: frozenset[Register]) -> frozenset[Register]:
    """The registers of the state that hold these."""
    return frozenset(r.whole if r.whole in native.STATE else r for r in registers)


def _random_state(generator: random.Random) -> bytearray:
    state = bytearray(generator.randbytes(native.SIZE))
    for register in native.GENERAL:
        if generator.random() < 0.3:
            native.put(state, register, generator.choice((0, 1, 2, 64, 2**64 - 1)).to_bytes(8, "little"))
    native.put_flags(state, generator.getrandbits(16))
    return state


@dataclass(frozen=True, slots=True)
class Change:
    """A state that differs from another in what the instruction does not read."""

    what: Register | Flags
    keep: int = 0  # low bytes of the register that stay

    def apply(self, state: bytearray, generator: random.Random) -> None:
        if isinstance(self.what, Register):
            value = native.get(state, self.what)
            native.put(state, self.what, value[: self.keep] + generator.randbytes(self.what.size - self.keep))
        else:
            native.put_flags(state, native.flags(state) ^ self.what)


def _changes(instruction: Instruction) -> list[Change]:
    effects = instruction.effects
    unread = _places(effects.reads | effects.writes) - _places(effects.reads)
    narrow = [r for r in effects.reads if _upper_unread(instruction, r)]
    flags = [f for f in Flags if f is not Flags.DF and not f & effects.flags_read]
    return [*map(Change, unread), *(Change(r.whole, r.size) for r in narrow), *map(Change, flags)]


def _upper_unread(instruction: Instruction, register: Register) -> bool:
    """Whether only a low part of this general register is read: then its upper bits must not matter."""
    reads = instruction.effects.reads
    return (
        register.kind in ("r8", "r16", "r32")
        and not any(r.whole is register.whole and (r.size > register.size or r.kind == "r8h") for r in reads)
        and register.whole not in _places(instruction.effects.partial_writes)
    )


@pytest.mark.skipif(not native.runs_here(), reason="needs Linux on x86-64")
def test_what_changes_is_written_and_what_matters_is_read() -> None:
    generator = random.Random(1)
    jobs: list[tuple[bytes, list[bytes]]] = []
    subjects = runnable()
    for instruction in subjects:
        states = []
        for _ in range(STATES):
            base = _random_state(generator)
            states.append(bytes(base))
            for change in _changes(instruction):
                other = bytearray(base)
                change.apply(other, generator)
                states.append(bytes(other))
        jobs.append((bytes(instruction.encode()), states))
    wrong, ran = [], 0
    for instruction, (_, states), outputs in zip(subjects, jobs, native.run_all(jobs), strict=True):
        if outputs is not None:
            ran += 1
            wrong += [f"{instruction}: {text}" for text in _check(instruction, states, outputs)][:1]
    assert ran > 0.9 * len(subjects), f"only {ran} of {len(subjects)} instructions ran"
    assert not wrong, "\n".join([f"{len(wrong)} of {ran} instructions", *wrong[:60]])


def _check(instruction: Instruction, states: list[bytes], outputs: list[bytes]) -> list[str]:
    effects = instruction.effects
    written = _places(effects.writes)
    # A legacy SSE write keeps the rest of the zmm register.
    partial = _places(effects.partial_writes) | {r for r in written - effects.writes if r.kind == "zmm"}
    defined = effects.flags_written & ~effects.flags_undefined
    wrong = []
    for state, output in zip(states, outputs, strict=True):
        for register in native.STATE:
            if register not in written and native.get(state, register) != native.get(output, register):
                wrong.append(f"changes {register}, which is not in writes")
        touched = (native.flags(state) ^ native.flags(output)) & native.FLAGS
        if touched & ~(effects.flags_written | effects.flags_undefined):
            wrong.append(f"changes {Flags(touched)!r}, writes only {effects.flags_written!r}")
    changes = _changes(instruction)
    for start in range(0, len(outputs), len(changes) + 1):
        base, *others = outputs[start : start + len(changes) + 1]
        for change, output in zip(changes, others, strict=True):
            for register in written:
                kept = register in partial and register is change.what
                if not kept and native.get(output, register) != native.get(base, register):
                    wrong.append(f"{register} depends on {change.what!r}, which is not in reads")
            if (native.flags(output) ^ native.flags(base)) & defined:
                wrong.append(f"flags depend on {change.what!r}, which is not in reads")
    return wrong
