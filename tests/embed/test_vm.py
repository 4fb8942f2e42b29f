"""Traces compiled and run from Python."""

import ctypes
import gc
import math
from pathlib import Path

import pytest

import stencilgen
from stencilgen import VM, VMError
from tests.embed.conftest import Machine


def run(vm: VM, machine: Machine, *trace: stencilgen.embed.MicroOp) -> stencilgen.Exit:
    return vm.compile(trace)(machine, machine.stack, 0.0)


def test_a_trace_returns_a_value(vm: VM, machine: Machine) -> None:
    exit = run(vm, machine, vm.PUSH(number=2.0), vm.SQRT(), vm.END())
    assert exit.returned
    assert exit.double == math.sqrt(2)


def test_a_trace_works_on_memory_of_python(vm: VM, machine: Machine) -> None:
    machine.variables[3] = 4.5
    run(vm, machine, vm.LOAD(slot=3), vm.PUSH(number=2), vm.MUL(), vm.STORE(slot=63), vm.END())
    assert machine.variables[63] == 9


def test_a_trace_calls_the_vms_functions_and_libraries(vm: VM, machine: Machine) -> None:
    run(
        vm,
        machine,
        vm.PUSH(number=0.5),
        vm.SIN(),
        vm.PRINT(),
        vm.PUSH(number=2),
        vm.PUSH(number=10),
        vm.POW(),
        vm.PRINT(),
        vm.END(),
    )
    assert machine.printed_count == 2
    assert list(machine.printed[:2]) == [math.sin(0.5), 1024]


def test_labels_are_positions_in_the_trace(vm: VM, machine: Machine) -> None:
    """10 + 9 + ... + 1"""
    machine.variables[0] = 10
    trace = [
        vm.LOAD(slot=1),
        vm.LOAD(slot=0),
        vm.ADD(),
        vm.STORE(slot=1),
        vm.LOAD(slot=0),
        vm.PUSH(number=1),
        vm.SUB(),
        vm.DUP(),
        vm.STORE(slot=0),
        vm.JUMP_UNLESS(target=11),
        vm.JUMP(target=0),
        vm.LOAD(slot=1),
        vm.END(),
    ]
    assert run(vm, machine, *trace).double == 55


def test_a_side_exit_tells_where_and_the_state(vm: VM, machine: Machine) -> None:
    code = vm.compile([vm.PUSH(number=7), vm.PUSH(number=0), vm.DIV(), vm.END()])
    exit = code(machine, machine.stack, top=1.5)
    assert not exit.returned
    assert exit.index == 2
    assert exit.code is code
    stack = ctypes.addressof(machine.stack)
    assert exit.state == {"machine": ctypes.addressof(machine), "sp": stack + 16, "top": 0}
    assert list(machine.stack[:2]) == [1.5, 7]


def test_running_off_the_end_is_an_exit_at_the_length(vm: VM, machine: Machine) -> None:
    exit = run(vm, machine, vm.PUSH(number=7))
    assert (exit.returned, exit.index, exit.state["top"]) == (False, 1, 7)


def test_an_empty_trace_leaves_at_once(vm: VM, machine: Machine) -> None:
    exit = run(vm, machine)
    assert (exit.returned, exit.index) == (False, 0)


def test_a_linked_exit_goes_on_in_the_other_trace(vm: VM, machine: Machine) -> None:
    first = vm.compile([vm.PUSH(number=0), vm.DIV(), vm.END()])
    second = vm.compile([vm.PUSH(number=-1), vm.SQRT(), vm.END()])
    first.link(1, second)
    exit = first(machine, machine.stack, 1.0)
    assert (exit.code, exit.index) == (second, 1)
    first.unlink(1)
    exit = first(machine, machine.stack, 1.0)
    assert (exit.code, exit.index) == (first, 1)


def test_a_link_keeps_the_other_trace_alive(vm: VM, machine: Machine) -> None:
    first = vm.compile([vm.PUSH(number=0), vm.DIV(), vm.END()])
    first.link(1, vm.compile([vm.PUSH(number=8), vm.END()]))
    gc.collect()
    assert first(machine, machine.stack, 1.0).double == 8


def test_memory_is_given_back(vm: VM) -> None:
    """A hundred thousand traces would not fit otherwise."""
    addresses = {vm.compile([vm.PUSH(number=index), vm.END()]).info.hot for index in range(1000)}
    assert len(addresses) < 10


def test_a_vm_and_its_traces_may_go_together(calculator_folder: Path) -> None:
    """In a cycle, so that the garbage collector finds all of them at once."""
    for _ in range(5):
        vm = stencilgen.load(calculator_folder)
        cycle: list[object] = [vm, *(vm.compile([vm.PUSH(number=n), vm.END()]) for n in range(10))]
        cycle.append(cycle)
        del vm, cycle
        gc.collect()


def test_the_bytes_are_those_in_memory(vm: VM) -> None:
    code = vm.compile([vm.DUP(), vm.MUL(), vm.END()])
    assert len(code.hot_bytes) == code.info.hot_size
    assert code.hot_bytes.endswith(b"\xc3")
    assert code.cold_bytes.startswith(
        bytes.fromhex("488d65")
    )  # lea rsp, [rbp - …]: where links from larger frames come in
    extents = [code.extent(index) for index in range(4)]
    assert b"".join(ctypes.string_at(e.hot, e.hot_size) for e in extents) == code.hot_bytes


def test_the_stencils_can_be_listed(vm: VM) -> None:
    assert list(vm.stencils)[:3] == ["PUSH", "ADD", "SUB"]
    assert vm.LOAD.holes == ("slot",)
    assert vm.LOAD.source == "stencils.c:79"
    assert vm["LOAD"] is vm.LOAD
    assert "JUMP_UNLESS" in dir(vm)
    assert str(vm.LOAD(slot=3)) == "LOAD slot=3"


def test_the_vms_c_functions_can_be_called(vm: VM, machine: Machine) -> None:
    vm.library.machine_print(ctypes.byref(machine), ctypes.c_double(2.5))
    assert machine.printed[0] == 2.5


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda vm: vm.LAOD, "no stencil 'LAOD'\n  → did you mean LOAD"),
        (lambda vm: vm.LOAD(), "LOAD needs a value for slot\n  → vm.LOAD(slot=…)"),
        (lambda vm: vm.LOAD(slot=1, number=2), "LOAD has no hole 'number'\n  → its holes are slot"),
        (lambda vm: vm.ADD(slot=1), "ADD has no hole 'slot'\n  → it has no holes"),
        (
            lambda vm: vm.compile([vm.DUP(), vm.LOAD(slot=65536)]),
            "micro-op 1 (LOAD): slot = 65536 does not fit into 'instruction->slot'",
        ),
        (lambda vm: vm.compile([vm.LOAD(slot=-1)]), "slot = -1 does not fit"),
        (lambda vm: vm.compile([vm.LOAD(slot=1.0)]), "slot = 1.0 does not fit"),
        (lambda vm: vm.compile([vm.LOAD(slot=2**64)]), "slot is 18446744073709551616, neither a 64-bit number nor"),
        (lambda vm: vm.compile([vm.LOAD(slot="x")]), "slot is 'x', neither a 64-bit number nor an object of C's"),
        (lambda vm: vm.compile([vm.ADD]), "element 0 of the trace is Stencil"),
        (lambda vm: vm.compile(["ADD"]), "element 0 of the trace is 'ADD', not a micro-op"),
        (lambda vm: vm.compile([vm.JUMP(target=9)]), "micro-op 0 (JUMP): label 9 is outside of the trace"),
        (
            lambda vm: vm.compile([])(1, 2),
            "the state needs top\n  → the state is (Machine * machine, Value * sp, Value top)",
        ),
        (lambda vm: vm.compile([])(1, 2, 3, 4), "4 arguments for a state of 3"),
        (lambda vm: vm.compile([])(1, 2, 3, top=4), "'top' is given twice"),
        (lambda vm: vm.compile([])(1, 2, pot=4), "the state has no 'pot'"),
        (lambda vm: vm.compile([])(1, 2.5, 3), "2.5 is no value for the state's"),
        (lambda vm: vm.compile([vm.ADD()]).link(0, vm.compile([])), "micro-op 0 has no side exit"),
        (lambda vm: vm.compile([vm.ADD()]).extent(2), "micro-op 2 is outside of the trace of 1"),
    ],
)
def test_mistakes_are_told_in_words(vm: VM, wrong: object, words: str) -> None:
    assert callable(wrong)
    with pytest.raises((VMError, AttributeError)) as error:
        wrong(vm)
    assert words.replace(" *", "") in str(error.value).replace(" *", "")


def test_a_stencil_of_another_vm_is_an_error(vm: VM) -> None:
    with pytest.raises(VMError, match="no stencil 'NOP'"):
        vm.compile([stencilgen.embed.MicroOp("NOP", {})])


def test_hasattr_works(vm: VM) -> None:
    assert hasattr(vm, "ADD")
    assert not hasattr(vm, "BAD")
