"""minipy on LLVM's code of whole traces prints what the interpreter prints, wherever its traces are left."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bench.programs import minipy as programs
from bench.programs.jobs import SHORT, Job, names
from bench.whole_trace import minipy
from bench.whole_trace.ir import Operation, Unknown, whole_trace
from bench.whole_trace.placing import Placeable, Reference
from bench.whole_trace.server import Server, Stencils
from stencilgen.errors import UserError

SOME = ("fannkuch", "fft", "nqueens", "sieve")
"""Programs with few micro-ops, since LLVM takes its time: calls, floats, lists."""

Ended = subprocess.CompletedProcess[str]
Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with minipy.serving(check=True) as found:
        yield found


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    def run(program: str, *flags: str) -> Ended:
        image = programs.image(Job(program, SHORT[program]), tmp_path)
        command = [minipy.vm(check=True), "--check-refcounts", *flags, image]
        return subprocess.run(command, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("program", names())
def test_programs_print_what_the_interpreter_prints(program: str, run: Run, request: pytest.FixtureRequest) -> None:
    if program not in SOME and not request.config.getoption("--long"):
        pytest.skip("LLVM takes its time: with --long")
    expected = run(program, "--jit=off")
    assert expected.stdout and expected.returncode == 0
    for flags in (["--jit=on"], ["--jit=on", "--no-facts"], ["--jit=always"]):
        found = run(program, *flags)
        assert (found.stdout, found.stderr, found.returncode) == (expected.stdout, "", 0), flags


@pytest.mark.parametrize("flag", ["--stress-exits=3", "--stress-exits=17", "--stress-each=2"])
def test_traces_that_are_left_on_demand_leave_the_right_state(flag: str, run: Run, server: Server) -> None:
    """At guards that would hold: each exit has to give back the slots, the calls and every count as the interpreter has them."""
    for program in ("fannkuch", "nqueens"):
        expected, before = run(program, "--jit=off"), len(server.answered)
        found = run(program, "--jit=always", flag)
        assert (found.stdout, found.stderr, found.returncode) == (expected.stdout, "", 0), program
        assert len(server.answered) > before + 10


def test_the_same_trace_is_compiled_once_wherever_its_objects_lie(run: Run, server: Server) -> None:
    run("sieve", "--jit=on")
    known, answered = set(server.known), len(server.answered)
    run("sieve", "--jit=on")
    assert set(server.known) == known and len(server.answered) > answered


def test_a_trace_that_cannot_be_compiled_stops_the_vm_with_the_reason(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(server: Server, operations: object) -> Placeable:
        raise UserError("not this one")

    monkeypatch.setattr(Server, "compile", refuse)
    ended = run("sieve", "--jit=on")
    assert ended.returncode == 1
    assert ended.stderr == "whole traces by LLVM: UserError: not this one\n"


def test_a_vm_without_a_server_says_so() -> None:
    ended = subprocess.run([minipy.vm(check=True)], capture_output=True, text=True, env={})
    assert (ended.returncode, ended.stderr) == (1, "whole traces by LLVM: WHOLE_TRACE_SERVER does not name a socket\n")


# ---- From what the VM sends to IR ----


@pytest.fixture(scope="module")
def stencils() -> Stencils:
    module, _ = minipy._compiled(False)
    return Stencils(module, tuple(minipy.configuration().holes), frozenset(minipy.VALUES))


def _sent(stencils: Stencils, name: str, **holes: int) -> tuple[str, list[int]]:
    return name, [holes.get(hole, 0) for hole in stencils.holes]


def test_addresses_are_numbered_and_numbers_are_not(stencils: Stencils) -> None:
    trace = [
        _sent(stencils, "GUARD_CLASS", a=1, pointer=0x7F00_0000_1000),
        _sent(stencils, "LOAD_MEMBER", d=2, pointer=0x7F00_0000_1004),
        _sent(stencils, "GUARD_IS", a=1, operand=0x7F00_0000_1000),
        _sent(stencils, "GUARD_IS", a=1, operand=0x7F00_0000_1001),  # an int: the lowest bit
        _sent(stencils, "ADD_INT_CONST", d=1, a=1, operand=0x7F00_0000_1000),  # any number
        _sent(stencils, "GUARD_CLASS", a=1, pointer=0),
    ]
    operations, addresses = stencils.operations(trace)
    values = [operation.holes.get("pointer", operation.holes.get("operand")) for operation in operations]
    same = Unknown(0, 8)
    assert values == [same, Unknown(1, 4), same, 0x7F00_0000_1001, 0x7F00_0000_1000, 0]
    assert addresses == [0x7F00_0000_1000, 0x7F00_0000_1004]


def test_a_trace_that_ends_by_leaving_is_hot(stencils: Stencils) -> None:
    """LLVM takes what leads to a cold call for cold."""
    for last in ("STOP", "COPY_PLAIN"):
        trace = [Operation("GUARD_INT", {"a": 1}), Operation(last, {"d": 1, "a": 1} if last != "STOP" else {})]
        text = whole_trace(stencils.module, trace, no_alias=False, stubs=False)
        usual = 1 if last == "STOP" else 2
        declared = [line for line in text.splitlines() if line.startswith("declare") and "@exit_" in line]
        assert {line.endswith(" cold") for line in declared if f"@exit_{usual}(" in line} == {False}
        assert {line.endswith(" cold") for line in declared if "@exit_0(" in line} == {True}


def test_what_is_known_is_not_tested_again(server: Server) -> None:
    """The guard's exit vanishes where its fact is known of its own slot, and only there."""
    real = 1 << minipy.configuration().facts.names.index("real")  # type: ignore[union-attr]

    def exits(known: dict[int, int]) -> list[int]:
        trace = [Operation("GUARD_FLOAT", {"a": 1}, known), Operation("COPY_PLAIN", {"d": 2, "a": 1}, known)]
        return server.compile(trace).exits

    assert exits({}) == exits({2: real}) == exits({1: real >> 1}) == [0, 2]
    assert exits({1: real}) == exits({-1: 0, 1: real | 1}) == [2]


def test_what_emission_knows_arrives_with_each_micro_op(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Sequence[Operation]] = []
    compile_ = Server.compile
    monkeypatch.setattr(Server, "compile", lambda self, trace: asked.append(trace) or compile_(self, trace))
    assert run("nbody", "--jit=on").returncode == 0
    loop = max(asked, key=len)
    assert not loop[0].known
    assert sum(bool(operation.known) for operation in loop) > len(loop) / 3
    asked.clear()
    assert run("nbody", "--jit=on", "--no-facts").returncode == 0
    assert asked and not any(operation.known for trace in asked for operation in trace)


# ---- From an object file to bytes in their place ----


def test_references_are_filled_in_for_the_place() -> None:
    code = Placeable(
        {"hot": bytes(16), "cold": bytes(8), "data": bytes(8)},
        (
            Reference("hot", 0, "PC32", "cold", 4 - 4),
            Reference("hot", 4, "PLT32", "exit_7", -4),
            Reference("hot", 8, "64", "address_1", 2),
            Reference("cold", 0, "PLT32", "near", -4),
            Reference("cold", 4, "PLT32", "far", -4),
            Reference("data", 0, "64", "hot", 1),
        ),
        0.0,
    )
    assert (code.exits, code.callees, code.sizes()) == ([7], ["far", "near"], (16, 8, 8, 28))
    where = {"hot": 0x1000, "cold": 0x2000, "data": 0x3000, "jumps": 0x2100}
    symbols = {"near": 0x1000, "far": 0x7F00_0000_0000}
    placed = code.place(where, [0x2080], symbols, [0, 0x7F12_3456_7890])
    fields = {part: [int.from_bytes(b[i : i + 4], "little", signed=True) for i in (0, 4)] for part, b in placed.items()}
    assert fields["hot"] == [0x1000, 0x2080 - 0x1008]
    assert int.from_bytes(placed["hot"][8:], "little") == 0x7F12_3456_7892
    assert fields["cold"] == [0x1000 - 0x2004, 0x2100 - 0x2008]
    assert placed["jumps"] == bytes.fromhex("ff2500000000") + (0x7F00_0000_0000).to_bytes(8, "little")
    assert int.from_bytes(placed["data"], "little") == 0x1001
    with pytest.raises(UserError, match="which the VM does not name"):
        code.place(where, [0x2080], {"near": 0}, [0, 0])
    with pytest.raises(UserError, match="out of reach"):
        code.place({**where, "cold": 1 << 40}, [0x2080], symbols, [0, 0])
