"""What a store to a declared place becomes: nothing, an addition, a store; now or where somebody may look."""

import re

import pytest

from tests.last_values.harness import AT_ONCE, PUT_OFF, STORED, Instruction, Machine

HERE = 0x7F12_3456_7000
"""Some bytecode, far from the code."""

STORE_SMALL = "49 c7 44 24 08"
"""mov qword [r12+8], imm32: the frame is in r12, ip 8 bytes into it"""
ADD_8, ADD_32 = "49 83 44 24 08", "49 81 44 24 08"
"""add qword [r12+8], imm8 and imm32"""
LOAD, STORE = "49 ba", "4d 89 54 24 08"
"""movabs r10, imm64; mov qword [r12+8], r10"""
STORE_LINE = "41 c7 44 24 10"
"""mov dword [r12+16], imm32"""


def hot(vm: Machine, trace: list[Instruction], mode: int = PUT_OFF) -> str:
    """The hot code of the trace, without its end's exit stub of 11 bytes and up to 3 of padding."""
    return vm.code(trace, mode)[0].hex(" ")


def bytes_of(value: int, size: int) -> str:
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little").hex(" ")


def set_ip(vm: Machine, *values: int) -> list[Instruction]:
    return [vm.instruction("SET_IP", value) for value in values]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (HERE, ""),
        (HERE + 2, f"{ADD_8} {bytes_of(2, 1)}"),
        (HERE - 128, f"{ADD_8} {bytes_of(-128, 1)}"),
        (HERE + 128, f"{ADD_32} {bytes_of(128, 4)}"),
        (HERE - (1 << 31), f"{ADD_32} {bytes_of(-(1 << 31), 4)}"),
        (HERE + (1 << 31), f"{LOAD} {bytes_of(HERE + (1 << 31), 8)} {STORE}"),
        (0, f"{STORE_SMALL} {bytes_of(0, 4)}"),
        (-5, f"{STORE_SMALL} {bytes_of(-5, 4)}"),
    ],
)
def test_the_second_of_two_stores_at_once(plain: Machine, value: int, code: str) -> None:
    first = f"{LOAD} {bytes_of(HERE, 8)} {STORE}"
    found = hot(plain, set_ip(plain, HERE, value), AT_ONCE)
    assert found.startswith(f"{first} {code}".strip())
    assert len(found.split()) <= len(f"{first} {code}".split()) + 14


def test_every_store_by_itself_is_a_whole_one(plain: Machine) -> None:
    found = hot(plain, set_ip(plain, HERE, HERE, HERE + 2), STORED)
    assert found.count(STORE) == 3


def test_a_small_difference_to_a_small_value_is_stored(plain: Machine) -> None:
    """Adding would be shorter by 3 bytes, but wait for the store before it."""
    found = hot(plain, set_ip(plain, 0x1000, 0x1002), AT_ONCE)
    assert found.count(STORE_SMALL) == 2 and ADD_8 not in found


def test_stores_that_nobody_looks_at_are_not_made(plain: Machine) -> None:
    trace = set_ip(plain, *(HERE + 2 * number for number in range(20)))
    found = hot(plain, trace)
    assert found.startswith(f"{LOAD} {bytes_of(HERE + 38, 8)} {STORE}")
    assert len(found.split()) <= 15 + 14


def test_a_value_that_memory_holds_again_is_not_written(plain: Machine) -> None:
    """What was written for the one who looked is still there."""
    look = plain.instruction("LOOK")
    with_look = hot(plain, [*set_ip(plain, HERE), look, *set_ip(plain, HERE + 8, HERE), look])
    assert with_look.count(STORE) == 1 and ADD_8 not in with_look


def test_the_difference_to_what_was_written_is_added(plain: Machine) -> None:
    look = plain.instruction("LOOK")
    found = hot(plain, [*set_ip(plain, HERE), look, *set_ip(plain, HERE + 8, HERE + 4), look])
    assert found.count(STORE) == 1 and found.count(f"{ADD_8} 04") == 1


def test_exits_write_in_cold_code(plain: Machine) -> None:
    trace = [*set_ip(plain, HERE), plain.instruction("EXIT"), *set_ip(plain, HERE + 2), plain.instruction("EXIT")]
    trace += set_ip(plain, 7)
    code, cold = (part.hex(" ") for part in plain.code(trace))
    assert STORE not in code and code.count(STORE_SMALL) == 1
    assert cold.count(STORE) == 2
    assert f"{LOAD} {bytes_of(HERE, 8)}" in cold and f"{LOAD} {bytes_of(HERE + 2, 8)}" in cold


def test_a_value_that_is_written_in_any_case_is_written_at_once(plain: Machine) -> None:
    """Before the exit, which then has nothing to write."""
    trace = [*set_ip(plain, HERE), plain.instruction("EXIT"), plain.instruction("LOOK"), plain.instruction("EXIT")]
    code, cold = (part.hex(" ") for part in plain.code(trace))
    assert code.count(f"{LOAD} {bytes_of(HERE, 8)} {STORE}") == 1
    assert STORE not in cold and ADD_8 not in cold


def test_the_blind_make_nobody_write(plain: Machine) -> None:
    trace = [*set_ip(plain, HERE), plain.instruction("BLIND"), *set_ip(plain, HERE + 2)]
    assert hot(plain, trace).count(STORE) == 1


def test_those_who_write_leave_nothing_known(plain: Machine) -> None:
    trace = [*set_ip(plain, HERE), plain.instruction("WRITE"), *set_ip(plain, HERE + 2)]
    assert hot(plain, trace).count(STORE) == 2


def test_memory_is_right_where_jumps_arrive(plain: Machine) -> None:
    """Before micro-op 1 the value is written, and what is written there in each round is not known to be there before."""
    trace = [*set_ip(plain, HERE), *set_ip(plain, HERE + 2), plain.instruction("JUMP_BACK", target=1)]
    found = hot(plain, trace)
    assert found.count(STORE) == 2 and ADD_8 not in found


def test_places_of_4_bytes(plain: Machine) -> None:
    trace = [plain.instruction("SET_LINE", 5), plain.instruction("SET_LINE", -3), plain.instruction("LOOK")]
    assert hot(plain, trace).count(f"{STORE_LINE} {bytes_of(-3, 4)}") == 1
    assert hot(plain, trace).count(STORE_LINE) == 1


def test_superstencils_have_exits_that_write(united: Machine) -> None:
    """Inner exits whose stubs write what memory lacks (1), and such whose code has done it (0)."""
    steps = re.search(r"sg_steps\[\] = \{\n(.*?)\};", united.build.header, re.S)
    assert steps
    rows = [tuple(map(int, row)) for row in re.findall(r"\{(\d+), (\d+), (\d+), (\d+), (\d+)\}", steps[1])]
    kinds = {exits >> 6 for _, _, _, length, exits in rows if length > 1 and exits & 7}
    assert kinds >= {0, 1}
