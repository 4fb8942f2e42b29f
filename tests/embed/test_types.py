"""Instructions and states of all types that a VM may have."""

import ctypes
import math
from pathlib import Path

import pytest

import stencilgen
from stencilgen import UserError, VMError
from tests.embed.conftest import Write

STATE = "#define STENCIL_STATE uint64_t x\n#include <stencilgen/stencil.h>\n"

FIELDS = """
typedef enum Colour { RED, GREEN, BLUE } Colour;
typedef struct Instruction {
    uint32_t opcode : 9;
    uint32_t narrow : 5;
    int64_t wide : 40;
    bool flag;
    int8_t small;
    Colour colour;
    const void *pointer;
    float single;
    double full;
} Instruction;
"""

HOLES = "\n".join(
    f'{name} = {{ value = "instruction->{name}" }}'
    for name in ("narrow", "wide", "flag", "small", "colour", "pointer", "single", "full")
)

STENCILS = (
    STATE
    + "\n".join(
        f"STENCIL({name.upper()}) {{ RETURN(HOLE({type}, {name})); }}"
        for name, type in (
            ("narrow", "uint32_t"),
            ("wide", "int64_t"),
            ("flag", "_Bool"),
            ("small", "int8_t"),
            ("colour", "int"),
            ("pointer", "void *"),
            ("full", "double"),
        )
    )
    + "\nSTENCIL(SINGLE) { RETURN((double)HOLE(float, single)); }\n"
)


@pytest.fixture(scope="module")
def vm(tmp_path_factory: pytest.TempPathFactory) -> stencilgen.VM:
    folder: Path = tmp_path_factory.mktemp("types")
    (folder / "stencilgen.toml").write_text(
        '[stencils]\nsources = ["stencils.c"]\n[instruction]\ntype = "Instruction"\nheader = "vm.h"\n[holes]\n' + HOLES
    )
    (folder / "vm.h").write_text(f"#pragma once\n#include <stdint.h>\n#include <stdbool.h>\n{FIELDS}")
    (folder / "stencils.c").write_text(f'#include "vm.h"\n{STENCILS}')
    return stencilgen.load(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("narrow", 0),
        ("narrow", 31),
        ("wide", -1),
        ("wide", 2**39 - 1),
        ("wide", -(2**39)),
        ("flag", True),
        ("flag", 0),
        ("small", -128),
        ("colour", 2),
        ("pointer", 0x7FFFDEADBEEF),
    ],
)
def test_integer_fields(vm: stencilgen.VM, name: str, value: int) -> None:
    assert vm.compile([vm[name.upper()](**{name: value})])(0).signed == value


@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, math.inf, 3])
@pytest.mark.parametrize("name", ["single", "full"])
def test_floating_fields(vm: stencilgen.VM, name: str, value: float) -> None:
    result = vm.compile([vm[name.upper()](**{name: value})])(0).double
    assert (result, math.copysign(1, result)) == (value, math.copysign(1, value))


def test_not_a_number(vm: stencilgen.VM) -> None:
    assert math.isnan(vm.compile([vm.FULL(full=math.nan)])(0).double)


def test_pointers_of_ctypes(vm: stencilgen.VM) -> None:
    number = ctypes.c_int(5)
    array = (ctypes.c_int * 3)()
    function = ctypes.CFUNCTYPE(None)(lambda: None)
    for value, address in (
        (ctypes.pointer(number), ctypes.addressof(number)),
        (ctypes.byref(number), ctypes.addressof(number)),
        (array, ctypes.addressof(array)),
        (function, ctypes.cast(function, ctypes.c_void_p).value),
        (ctypes.c_void_p(17), 17),
        (ctypes.c_void_p(), 0),
        (None, 0),
    ):
        assert vm.compile([vm.POINTER(pointer=value)])(0).value == address


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("narrow", 32),
        ("narrow", -1),
        ("wide", 2**39),
        ("flag", 2),
        ("small", 128),
        ("small", -129),
        ("pointer", 1.0),
        ("colour", 2.5),
    ],
)
def test_what_does_not_fit_is_refused(vm: stencilgen.VM, name: str, value: object) -> None:
    with pytest.raises(VMError, match=rf"micro-op 0 \({name.upper()}\): {name} = .* does not fit"):
        vm.compile([vm[name.upper()](**{name: value})])


def test_all_kinds_of_state(write: Write) -> None:
    folder = write(
        "typedef struct Instruction { uint32_t opcode; } Instruction;",
        "#define STENCIL_STATE int32_t a, double b, float c, uint64_t *d\n#include <stencilgen/stencil.h>\n"
        "STENCIL(STEP) { a--; b *= 2; c /= 2; d++; CONTINUE(); }\n",
    )
    vm = stencilgen.load(folder)
    array = (ctypes.c_uint64 * 2)()
    exit = vm.compile([vm.STEP()])(-3, 1.25, 3.0, array)
    assert exit.state["b"] == 2.5
    assert exit.state["c"] == 1.5
    assert exit.state["d"] == ctypes.addressof(array) + 8
    assert exit.state["a"] == -4


@pytest.mark.parametrize(
    ("type_", "given", "after"),
    [
        ("int32_t", -(2**31), 2**31 - 1),
        ("int32_t", 2**32 - 1, -2),
        ("uint32_t", 0, 2**32 - 1),
        ("int64_t", 0, -1),
        ("uint64_t", 0, 2**64 - 1),
    ],
)
def test_integers_of_the_state_have_their_own_width_and_sign(write: Write, type_: str, given: int, after: int) -> None:
    folder = write(
        "typedef struct Instruction { uint32_t opcode; } Instruction;",
        f"#define STENCIL_STATE {type_} a\n#include <stencilgen/stencil.h>\nSTENCIL(STEP) {{ a--; CONTINUE(); }}\n",
    )
    vm = stencilgen.load(folder)
    assert vm.compile([vm.STEP()])(given).state["a"] == after
    bits = int(type_.strip("uint_"))
    for wrong in (2**bits, -(2 ** (bits - 1)) - 1):
        with pytest.raises(VMError, match=rf"for the state's|does not fit into the state's '{type_} a'"):
            vm.compile([vm.STEP()])(wrong)


def test_the_vms_own_opcodes_and_a_nested_instruction(write: Write) -> None:
    folder = write(
        "enum { CODE_DOUBLE = 7, CODE_END = 3 };\n"
        "typedef struct Instruction { struct { uint8_t code, operand[3]; } part; } Instruction;",
        STATE + "STENCIL(DOUBLE) { x *= HOLE(uint8_t, factor); CONTINUE(); }\nSTENCIL(END) { RETURN(x); }\n",
        holes='factor = { value = "instruction->part.operand[1]" }',
        instruction='opcode = "instruction->part.code"\nnames = "CODE_{}"',
    )
    vm = stencilgen.load(folder)
    assert vm.compile([vm.DOUBLE(factor=2), vm.DOUBLE(factor=5), vm.END()])(3).value == 30


@pytest.mark.parametrize(
    ("holes", "instruction", "words"),
    [
        (
            'low = { value = "instruction->operand & 15" }',
            "",
            "stencilgen.toml:8: hole 'low': 'instruction->operand & 15' cannot be assigned to",
        ),
        (
            'low = { value = "(uint8_t)instruction->operand" }',
            "",
            "hole 'low': '(uint8_t)instruction->operand' cannot be assigned to",
        ),
        (
            'low = { value = "instruction->operand" }',
            'opcode = "code_of(instruction)"',
            "stencilgen.toml:6: instruction.opcode: 'code_of(instruction)' cannot",
        ),
    ],
    ids=["operator", "cast", "opcode"],
)
def test_an_expression_that_cannot_be_assigned_to_is_explained(
    write: Write, holes: str, instruction: str, words: str
) -> None:
    folder = write(
        "typedef struct Instruction { uint32_t opcode, operand; } Instruction;\n"
        "static inline uint32_t code_of(const Instruction *i) { return i->opcode; }",
        STATE + "STENCIL(ADD) { x += HOLE(uint8_t, low); CONTINUE(); }\n",
        holes=holes,
        instruction=instruction,
    )
    with pytest.raises(UserError) as error:
        stencilgen.load(folder)
    assert words in str(error.value)
    assert "→ write it as a plain field" in str(error.value)


def test_what_is_promised_is_verified(write: Write) -> None:
    folder = write(
        "typedef struct Instruction { uint32_t opcode; uint16_t first, last; uint64_t word; } Instruction;",
        STATE
        + """
STENCIL(SPAN) {
    __builtin_assume(HOLE(uint16_t, first) < HOLE(uint16_t, last));
    RETURN(HOLE(uint16_t, last) - HOLE(uint16_t, first) - 1);
}
STENCIL(CASE) {
    if (HOLE(uint16_t, first) == 3) {
        __builtin_assume(HOLE(uint16_t, last) > 9);
        *(uint16_t *)x = HOLE(uint16_t, last);
    }
    RETURN(1);
}
STENCIL(TAG) { RETURN(HOLE(uint64_t, word) & 7); }
""",
        holes="\n".join(
            f'{name} = {{ value = "instruction->{name}"{more} }}'
            for name, more in (("first", ""), ("last", ", range = [0, 1000]"), ("word", ", multiple_of = 8"))
        ),
    )
    vm = stencilgen.load(folder)
    assert vm.compile([vm.SPAN(first=3, last=1000)])(0).value == 996
    place = ctypes.c_uint16()
    vm.compile([vm.CASE(first=3, last=10)])(ctypes.addressof(place))
    vm.compile([vm.CASE(first=4, last=9)])(ctypes.addressof(place))
    assert place.value == 10
    assert vm.compile([vm.TAG(word=2**63 + 8)])(0).value == 0
    for wrong, words in (
        (vm.SPAN(first=3, last=3), r"first < .*last\) is 0, not 1"),
        (vm.SPAN(first=3, last=1001), "last is 1001, outside of its range 0..1000"),
        (vm.CASE(first=3, last=9), "is 0, not 1"),
        (vm.TAG(word=12), r"word % 8 is 4, not 0"),
    ):
        with pytest.raises(VMError, match=words):
            vm.compile([wrong])
