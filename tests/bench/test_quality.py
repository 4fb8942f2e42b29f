"""What the figures of `bench quality` rest on: which bytes are hot, and what an instruction is for."""

import contextlib
from pathlib import Path

import iced_x86
import pytest

from bench import baseline
from bench import vm as machine
from bench.baseline.cached import build_cached
from bench.baseline.minipy import placed, vm_with
from bench.baseline.split import hot_bytes
from bench.frame.measure import run_process
from bench.programs import minipy
from bench.programs.jobs import EMPTY, SHORT, Job, names
from bench.quality import ablation, hand_written, programs, registers
from bench.quality.classify import REGISTER_MACHINE, classify, profile, reloads
from bench.quality.executed import executed, parts
from bench.quality.variants import STACK
from bench.quality.ways import profile_of
from bench.vm.counts import Executed, available
from stencilgen.config import load_config
from stencilgen.pipeline import build
from stencilgen.units.profile import Trace


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("498b45f8", "operand stack: load"),  # mov rax, [r13-8]
        ("49894508", "operand stack: store"),  # mov [r13+8], rax
        ("4983c508", "stack pointer"),  # add r13, 8
        ("498b442410", "locals: load"),  # mov rax, [r12+16]
        ("4989442410", "locals: store"),  # mov [r12+16], rax
        ("8b02", "reference counts"),  # mov eax, [rdx]
        ("85c0", "reference counts"),  # test eax, eax
        ("ffc8", "reference counts"),  # dec eax
        ("7803", "reference counts"),  # js
        ("7503", "guards"),  # jne
        ("a803", "guards"),  # test al, 3
        ("488b5018", "objects"),  # mov rdx, [rax+24]
        ("48d1f8", "arithmetic and tags"),  # sar rax, 1
        ("48c7c003000000", "constants"),  # mov rax, 3
        ("488d0500000000", "constants"),  # lea rax, [rip]
        ("4889c6", "register moves"),  # mov rsi, rax
        ("50", "calls and frame"),  # push rax
        ("4883c408", "calls and frame"),  # add rsp, 8
        ("e800000000", "calls and frame"),  # call
        ("eb03", "jumps"),  # jmp
    ],
)
def test_every_instruction_is_for_something(code: str, category: str) -> None:
    (instruction,) = iced_x86.Decoder(64, bytes.fromhex(code))
    assert classify(instruction) == category


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("498b442410", "slots: load"),  # mov rax, [r12+16]
        ("49894424f8", "slots: store"),  # mov [r12-8], rax
        ("4983c418", "slot pointer"),  # add r12, 24
        ("498d7c2410", "arithmetic and tags"),  # lea rdi, [r12+16]
        ("498b4518", "thread: load"),  # mov rax, [r13+24]
        ("49894518", "thread: store"),  # mov [r13+24], rax
        ("833801", "reference counts"),  # cmp dword [rax], 1
        ("83780401", "guards"),  # cmp dword [rax+4], 1
        ("f20f114008", "objects"),  # movsd [rax+8], xmm0
    ],
)
def test_a_register_machine_has_slots_and_a_thread(code: str, category: str) -> None:
    (instruction,) = iced_x86.Decoder(64, bytes.fromhex(code))
    assert classify(instruction, REGISTER_MACHINE) == category
    assert category in REGISTER_MACHINE.categories


def test_loads_of_what_the_trace_has_in_hand_are_reloads() -> None:
    def trace(index: int, *codes: str) -> list[Executed]:
        decoder = iced_x86.Decoder(64, bytes.fromhex("".join(codes)), ip=0x1000 * index)
        return [Executed(instruction, index, True, 10.0) for instruction in decoder]

    load, store, next_slot = "498b442410", "4989442410", "498b442418"  # [r12+16] twice, [r12+24]
    move, back, call = "4983c408", "4983ec08", "e800000000"  # add r12, 8; sub r12, 8; call
    for codes, times in (
        ((load, load), 1),
        ((store, load, load), 2),
        ((load, next_slot), 0),
        ((load, store), 0),
        ((load, call, load), 0),
        ((next_slot, move, load), 1),
        ((load, move, load), 0),
        ((load, move, back, load), 1),
    ):
        assert reloads(trace(1, *codes), REGISTER_MACHINE) == 10 * times, codes
    assert reloads([*trace(1, load), *trace(2, load)], REGISTER_MACHINE) == 0


@pytest.mark.skipif(not available(), reason="needs valgrind")
def test_what_programs_execute_in_traces_is_told_apart(tmp_path: Path) -> None:
    """Every instruction of the traces has a category, and most of what a loop executes is in them."""
    vm = vm_with(build(programs.plain_configuration()).header)
    found, nothing = (
        executed([vm, "--jit=on", minipy.image(job, tmp_path)]) for job in (Job("sieve", SHORT["sieve"]), EMPTY)
    )
    assert not nothing.trace and nothing.outside > 0
    assert sum(profile(found.trace, machine=REGISTER_MACHINE).values()) == found.inside
    assert found.inside > 2 * (found.outside - nothing.outside)
    traces = minipy.traces(vm, Job("sieve", SHORT["sieve"]), tmp_path)
    assert len({one.index for one in found.trace}) <= len(traces)
    executed_bytes = sum(one.instruction.len for one in found.trace if one.is_hot)
    assert 0 < executed_bytes <= sum(trace["hot_bytes"] for trace in traces)


def test_code_lies_elsewhere_in_each_turn_and_is_the_same(tmp_path: Path) -> None:
    command = [minipy.executable(), "--jit=on", minipy.image(Job("sieve", SHORT["sieve"]), tmp_path)]
    places, printed = set(), set()
    for turn in range(6):
        notes = tmp_path / str(turn)
        ended = run_process(command, environment={**placed(turn), "MEASURED_CODE": str(notes)})
        printed.add((ended.status, ended.output))
        places.add(tuple(start % 4096 for start, _ in parts(notes.read_bytes())))
    assert len(places) == 6 and len(printed) == 1


@pytest.mark.parametrize("flavour", ["O3", baseline.BEST])
def test_cold_calls_are_not_hot(flavour: str) -> None:
    config, way = machine.configuration(), baseline.FLAVOURS[flavour]
    hot, stencils = hot_bytes(config, way), baseline.build(config, way).stencils
    sizes = {name: len(stencil.code.content) for name, stencil in stencils.items()}
    assert hot.keys() == sizes.keys()
    assert all(hot[name] <= sizes[name] for name in sizes)
    without_cold_calls = [name for name in sizes if name.startswith(("GUARD", "LOAD", "SWAP", "COPY", "SET_IP"))]
    assert all(hot[name] == sizes[name] for name in without_cold_calls)
    with_cold_calls = ("STORE_FAST", "POP_TOP", "LIST_GET", "LIST_SET", "UNPACK_LIST_3")
    assert all(hot[name] < sizes[name] - 10 for name in with_cold_calls)


def test_cached_copies_are_those_that_the_plan_names() -> None:
    """What `units_of` says of a trace is what the runtime copies: every byte of it."""
    config = machine.configuration().model_copy(update={"stack": STACK})
    cached = build_cached(config, baseline.FLAVOURS[baseline.BEST])
    library = machine.library(cached.copied.header, flags=["-I", str(cached.copied.include)])
    for name in machine.NAMES:
        run = library.run(name)
        units = cached.units_of(Trace(tuple(run.ops), (0,)))
        code = sum(len(cached.copied.stencils[unit].code.content) for unit in units)
        assert 0 <= run.info().hot_size - code < 16  # what a trace begins and ends with
        assert sum(cached.hot[unit] for unit in units) < code
        assert len({unit for unit in units if "__" in unit}) > 5


def test_profiles_hold_each_trace_with_its_targets() -> None:
    plain = build(machine.configuration())
    trace = [("LOAD_FAST", {"oparg": 7}), ("STORE_FAST", {"oparg": 9}), ("JUMP_TO_TOP", {"target": 1})]
    assert profile_of([(1, trace), (2, trace)], plain) == "3 LOAD_FAST ^STORE_FAST JUMP_TO_TOP\n"
    assert profile_of([(5, trace)], plain, ["oparg"]) == "5 LOAD_FAST:0 ^STORE_FAST:1 JUMP_TO_TOP\n"


def test_what_is_switched_off_makes_code_longer_and_changes_nothing_else() -> None:
    config = machine.configuration()
    whole = machine.library(ablation.header(config, contextlib.nullcontext))
    for name, switch in ablation.SWITCHES.items():
        without = machine.library(ablation.header(config, switch))
        longer = 0
        for workload in machine.NAMES:
            runs = [library.run(workload) for library in (whole, without)]
            hot_only = name in ("hot/cold", "last values")  # these move code to where it is rarely needed
            sizes = [run.info().hot_size + (0 if hot_only else run.info().cold_size) for run in runs]
            longer += sizes[1] - sizes[0]
            for seed in range(20):
                assert runs[0].disturbed(seed) == runs[1].disturbed(seed), f"{workload} without {name}, seed {seed}"
        assert longer > 0 or name == "shared slow paths", name  # with facts these traces have none in common


def test_what_rbp_would_bring_is_counted_on_code_that_uses_it() -> None:
    config = load_config(registers.MACHINES["wide_vm"])
    before, after = registers.count(build(config, cache=False).stencils), registers.count(registers.with_rbp(config))
    assert before.stencils == after.stencils
    assert before.users == 0 < after.users < after.stencils / 2
    assert after.hot < before.hot
    assert registers.count(build(config, cache=False).stencils) == before  # and nothing is left of that LLVM


def test_programs_and_hand_written_traces_have_names_of_their_own() -> None:
    """nbody is both; a suite of pyperf takes each name once."""
    assert set(machine.NAMES) & set(names())
    assert not {hand_written.timing_name(n, "x") for n in machine.NAMES} & {
        programs.timing_name(n, "x") for n in names()
    }
