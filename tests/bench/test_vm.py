"""The stack machine of bench/vm: what its hand-written traces leave is what the loops that they stand for leave."""

import ctypes

import pytest

from bench import vm as machine
from bench.vm import Library
from stencilgen.pipeline import build


class Machine(ctypes.Structure):
    """The beginning of Machine and Frame."""

    _fields_ = [("ip", ctypes.c_void_p), ("sp", ctypes.c_void_p), ("locals", ctypes.c_uint64 * 32)]


class _Run(ctypes.Structure):
    _fields_ = [("workload", ctypes.c_void_p), ("machine", ctypes.POINTER(Machine))]


@pytest.fixture(scope="module")
def library() -> Library:
    return machine.library(build(machine.configuration()).header)


def local(run: machine.Run, index: int) -> int:
    """A local variable's word."""
    return int(_Run.from_address(run._pointer).machine.contents.locals[index])


def items(ref: int) -> list[int]:
    """A list's items as words."""
    length = ctypes.c_uint64.from_address(ref + 16).value
    address = ctypes.c_uint64.from_address(ref + 24).value
    return list((ctypes.c_uint64 * length).from_address(address))


def number(ref: int) -> float:
    return ctypes.c_double.from_address((ref & ~1) + 16).value


def test_sieve_crosses_out_every_third(library: Library) -> None:
    run = library.run("sieve")
    run.time(1)
    flags, count = items(local(run, 0)), local(run, 4)
    assert [flag & 3 == 3 for flag in flags] == [index % 3 != 0 for index in range(3000)]
    assert count >> 2 == 1000
    assert run.result().exit_index == 6  # the loop's condition


@pytest.mark.parametrize("name", machine.NAMES)
def test_a_trace_leaves_the_same_whenever_it_stores_the_instruction_pointer(library: Library, name: str) -> None:
    """With many more such stores too. Putting them off shortens the hot code where there are many."""
    for more in ("", "+ip"):
        runs = [library.run(f"{name}{more}{mode}") for mode in range(3)]
        for run in runs:
            run.time(1)
        assert len({run.result() for run in runs}) == 1
        put_off, at_once, stored = (run.info().hot_size for run in runs)
        assert put_off <= at_once <= stored
        assert not more or put_off < stored
        for seed in range(200):
            assert len({run.disturbed(seed) for run in runs}) == 1, seed


@pytest.mark.parametrize("name", machine.NAMES)
def test_what_is_known_along_a_trace_is_true_and_shortens_it(library: Library, name: str) -> None:
    """Each fact that is trusted is tested, in the states that the traces were written for and in others."""
    config = machine.configuration()
    verified, without = (
        machine.library(build(one, verify=verify).header)
        for one, verify in ((config, True), (machine.configuration(facts=False), False))
    )
    runs = [one.run(name) for one in (library, verified, without)]
    for run in runs:
        run.time(1)
    assert len({run.result() for run in runs}) == 1
    for seed in range(200):
        assert len({run.disturbed(seed) for run in runs}) == 1, seed
    assert runs[0].info().hot_size < runs[2].info().hot_size


@pytest.mark.parametrize("name", machine.NAMES)
def test_what_an_iteration_finds_out_is_known_in_the_loop_behind_it(library: Library, name: str) -> None:
    """It leaves what the loop leaves. The loop is shorter than the iteration before it."""
    run, peeled = library.run(name), library.run(f"{name}+peeled")
    for one in (run, peeled):
        one.time(1)
    assert run.result() == peeled.result()
    for seed in range(200):
        assert run.disturbed(seed) == peeled.disturbed(seed), seed
    length = len(run.ops)
    hot = [peeled.extent(index).hot_size for index in range(2 * length)]
    assert sum(hot[length:]) < sum(hot[:length])


def test_fannkuch_reverses(library: Library) -> None:
    run = library.run("fannkuch")
    before = items(local(run, 0))
    run.time(1)
    assert items(local(run, 0)) == before[::-1]
    run.time(1)
    assert items(local(run, 0)) == before


def test_spectral_adds_up_a_row(library: Library) -> None:
    run = library.run("spectral")
    run.time(1)
    expected = 0.0
    for j in range(1000):
        ij = 17 + j
        expected += 1.0 / ((ij * (ij + 1) >> 1) + 17 + 1) * (1.0 / (j + 1))
    assert number(local(run, 3)) == expected


def test_nbody_keeps_the_momentum(library: Library) -> None:
    def momentum(bodies: set[int]) -> list[float]:
        parts = [(items(items(body)[1]), number(items(body)[2])) for body in bodies]
        return [sum(number(velocity[axis]) * mass for velocity, mass in parts) for axis in range(3)]

    run = library.run("nbody")
    bodies = {*items(local(run, 0)), *items(local(run, 1))}
    before = momentum(bodies)
    run.time(3)
    assert len(bodies) == 5
    assert momentum(bodies) == pytest.approx(before, rel=1e-9)


@pytest.mark.parametrize("name", machine.NAMES)
def test_traces_from_python_are_the_same(library: Library, name: str) -> None:
    vm = machine.load()
    ops = machine.trace(vm, name)
    run = library.run(name)
    assert [op.name for op in ops] == run.ops
    assert vm.compile(ops).info.hot_size == pytest.approx(run.info().hot_size, abs=64)  # distances differ
