"""Copy-and-patch does what stencilgen's code does: same machine states, same output of every program."""

import subprocess
from pathlib import Path

import pytest

from bench import baseline
from bench import vm as machine
from bench.baseline.assembly import tidy
from bench.baseline.minipy import minipy_vm
from bench.programs import minipy
from bench.programs.jobs import SHORT, Job, names
from stencilgen.pipeline import build


def test_hot_branches_fall_through() -> None:
    body = [
        "\tcmpl\t$1, %eax",
        "\tje\t.LBB0_2",
        "# %bb.1:",
        "\tjmp\t__sg_exit",
        ".LBB0_2:",
        "\tincq\t%rax",
        "\tjmp\t__sg_continue",
    ]
    lines, continues = tidy("F", body)
    assert continues
    assert lines == ["F:", "\tcmpl\t$1, %eax", "\tjne\t__sg_exit", ".LBB0_2:", "\tincq\t%rax", ".Lsg_next_F:"]


def test_a_conditional_jump_to_the_next_micro_op_is_turned() -> None:
    lines, continues = tidy("F", ["\ttestb\t$1, %al", "\tjne\t__sg_continue  # TAILCALL", "\tjmp\t__sg_exit@PLT"])
    assert continues
    assert lines == ["F:", "\ttestb\t$1, %al", "\tje\t__sg_exit", ".Lsg_next_F:"]


def test_jumps_to_jumps_and_what_nobody_reaches_vanish() -> None:
    body = ["\tjs\t.LBB0_3", "\tretq", ".LBB0_2:", "\tincq\t%rax", ".LBB0_3:", "\tjmp\t__sg_exit"]
    lines, continues = tidy("F", body)
    assert not continues
    assert lines == ["F:", "\tjs\t__sg_exit", "\tretq", ".Lsg_next_F:"]


@pytest.mark.parametrize("flavour", baseline.FLAVOURS.values(), ids=lambda flavour: flavour.name)
def test_leaves_the_same_machine_as_stencilgen(flavour: baseline.Flavour) -> None:
    config = machine.configuration()
    copied = baseline.build(config, flavour)
    peer = machine.library(copied.header, flags=["-I", str(copied.include)])
    own = machine.library(build(config).header)
    for name in machine.NAMES:
        runs = [library.run(name) for library in (own, peer)]
        for _ in range(2):
            for run in runs:
                run.time(1)
            assert runs[0].result() == runs[1].result()


@pytest.mark.parametrize("program", names())
def test_minipy_prints_the_same(program: str, tmp_path: Path) -> None:
    image = minipy.image(Job(program, SHORT[program]), tmp_path)

    def output(vm: Path, jit: str) -> str:
        return subprocess.run([vm, f"--jit={jit}", image], capture_output=True, text=True, check=True).stdout

    expected = output(minipy_vm(), "off")
    assert expected
    assert [output(minipy_vm(), "on"), output(minipy_vm(), "always"), output(minipy_vm("O3"), "on")] == [expected] * 3
