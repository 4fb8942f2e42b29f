"""The semantics that the proofs stand on are the processor's: every form, on random and on extreme states."""

import random
from collections.abc import Iterator, Sequence

import pytest
import z3

from x86_64 import Flags, Instruction

from .native import MEMORY, MEMORY_SIZE, NativeState, Processor, encode, random_state
from .programs import WIDTHS, at_width, bind, program, text
from .semantics import FLAGS, GENERAL, OPPOSITES, SEMANTICS, Machine, UndefinedFlagRead

STATES = 3
"""States per form; there are some 650 forms."""

USED = range(MEMORY_SIZE // 2, MEMORY_SIZE // 2 + 24)
"""The bytes that the forms below access."""


def templates() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every form that the semantics model, with the widths it exists in."""
    for operation in ("mov", "add", "adc", "sub", "sbb", "cmp", "and", "or", "xor", "test"):
        yield f"{operation} {{a}}, {{c}}", WIDTHS
        yield f"{operation} {{m}}, {{c}}", WIDTHS
        yield f"{operation} {{a}}, E", WIDTHS
        yield f"{operation} {{m}}, E", WIDTHS
        yield f"{operation} ah, cl", (8,)
        yield f"{operation} bl, dh", (8,)
        if operation != "test":
            yield f"{operation} {{a}}, {{m}}", WIDTHS
    for operation in ("inc", "dec", "neg", "not"):
        yield f"{operation} {{a}}", WIDTHS
        yield f"{operation} {{m}}", WIDTHS
    for operation in ("shl", "shr", "sar", "rol", "ror"):
        for count in ("cl", "E", "0", "1", "7", "8", "9", "17", "31", "33", "64"):
            yield f"{operation} {{a}}, {count}", WIDTHS
        yield f"{operation} {{m}}, cl", WIDTHS
        yield f"{operation} {{m}}, E", WIDTHS
    for operation in ("bt", "bts", "btr", "btc"):
        yield f"{operation} {{a}}, {{c}}", (16, 32, 64)
        yield f"{operation} {{a}}, E", (16, 32, 64)
        yield f"{operation} {{m}}, E", (16, 32, 64)
    for operands in ("{a}, {c}", "{a}, {m}", "{a}, {c}, E", "{a}, {m}, E"):
        yield f"imul {operands}", (16, 32, 64)
    for operation in ("movzx", "movsx"):
        for source in ("cl", "ch", "byte [rsi+1]"):
            yield f"{operation} {{a}}, {source}", (16, 32, 64) if source != "ch" else (16, 32)
        for source in ("cx", "word [rsi+1]"):
            yield f"{operation} {{a}}, {source}", (32, 64)
    yield "cdqe", (64,)
    yield "movsxd rax, ecx", (64,)
    yield "movsxd rax, dword [rsi+1]", (64,)
    for address in ("[rcx]", "[rcx + rdx*4 - 9]", "[rdx*8 + E]", "[r12 + r13 + 1000]", "[E]"):
        yield f"lea {{a}}, {address}", (16, 32, 64)
    for code in (*OPPOSITES, *OPPOSITES.values()):
        yield f"set{code} al", (8,)
        yield f"cmov{code} {{a}}, {{c}}", (16, 32, 64)
    yield "setb ah; cmovb ecx, eax; mov [rsi+4], rax; movzx edx, word [rsi+7]; sbb dh, ah", (64,)


FORMS = [
    at_width(template, bits) for template, widths in templates() for bits in (widths if "{" in template else (64,))
]


def concrete(state: NativeState, used: Sequence[int] = ()) -> Machine:
    """The state in z3's terms; of the memory only the bytes in `used`."""
    memory = z3.K(z3.BitVecSort(64), z3.BitVecVal(0, 8))
    for i in used:
        memory = z3.Store(memory, z3.BitVecVal(MEMORY + i, 64), z3.BitVecVal(state.memory[i], 8))
    return Machine(
        {name: z3.BitVecVal(value, 64) for name, value in state.registers.items()},
        {name: z3.BoolVal(value) for name, value in state.flags.items()},
        memory,
    )


def differences(start: NativeState, expected: Machine, native: NativeState, used: Sequence[int]) -> Iterator[str]:
    for name in GENERAL:
        value = z3.simplify(expected.registers[name]).as_long()
        if value != native.registers[name]:
            yield f"{name}: {value:#x} expected, {native.registers[name]:#x} on the processor"
    for name in FLAGS:
        flag = expected.flags[name]
        if z3.is_true(z3.simplify(flag.undefined)):
            continue
        if z3.is_true(z3.simplify(flag.value)) != native.flags[name]:
            yield f"{name}: {not native.flags[name]} expected, {native.flags[name]} on the processor"
    for i in range(MEMORY_SIZE):
        byte = start.memory[i]
        if i in used:
            byte = z3.simplify(z3.Select(expected.memory, z3.BitVecVal(MEMORY + i, 64))).as_long()
        if byte != native.memory[i]:
            yield f"byte {i}: {byte:#x} expected, {native.memory[i]:#x} on the processor"


def bound(form: str, source: random.Random) -> list[Instruction]:
    """The form with a number for its constant, of the size that shows most."""
    counted = form.split()[0] in ("shl", "shr", "sar", "rol", "ror", "bt", "bts", "btr", "btc")
    range_ = (0, 255) if counted else (-128, 127) if "l, E" in form or "byte" in form else (-(1 << 15), (1 << 15) - 1)
    return bind(program(form, E=range_), {"E": source.choice([*range_, 0, 1, source.randint(*range_)])})


def test_semantics_are_those_of_the_processor(processor: Processor) -> None:
    source = random.Random(1)
    cases = [(bound(form, source), random_state(source)) for form in FORMS for _ in range(STATES)]
    results = processor.run([(encode(instructions), [state]) for instructions, state in cases])
    wrong = []
    for (instructions, state), (native,) in zip(cases, results, strict=True):
        used = USED if any(i.effects.memory_reads or i.effects.memory_writes for i in instructions) else ()
        expected = concrete(state, used).run(instructions)
        wrong += [f"{text(instructions)}: {difference}" for difference in differences(state, expected, native, used)]
    assert not wrong, "\n".join(wrong[:20])


def test_every_modelled_instruction_is_compared() -> None:
    compared = {instruction.mnemonic for form in FORMS for instruction in program(form, E=(0, 1))}
    assert compared == set(SEMANTICS)


def test_flags_agree_with_the_instruction_table() -> None:
    """The liveness that rules rely on comes from the table's effects; the proofs rely on the model."""
    for form in FORMS:
        (instruction, *more) = program(form, E=(0, 100))
        if more:
            continue
        before = Machine.symbolic()
        after = before.copy().run([instruction])
        effects = instruction.effects
        for name in FLAGS:
            old, new = before.flags[name], after.flags[name]
            if not Flags[name] & (effects.flags_written | effects.flags_undefined):
                assert z3.simplify(new.value).eq(old.value), f"{instruction} changes {name}"
                assert z3.is_false(z3.simplify(new.undefined)), f"{instruction} leaves {name} undefined"


def test_reading_an_undefined_flag_is_refused() -> None:
    with pytest.raises(UndefinedFlagRead, match="ZF"):
        Machine.symbolic().run(program("imul eax, ebx; sete al"))
