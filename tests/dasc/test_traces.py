"""Traces are the same code through all three back ends.

Through our action lists and through DynASM they are the same byte for byte; direct stores differ from them only as
`compare_traces` says, and every such instruction is read as the same one by two decoders.
"""

import ctypes
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.emission import vms
from bench.emission.library import Peer, direct, extern_names, through_dynasm, unwritable
from bench.emission.vms import Vm
from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import build
from tests.dasc.compare_traces import Differences, compare
from tests.dasc.upstream import folder
from tests.differential.harness import Instruction, random_value

DIFFERENTIAL = Path(__file__).parents[1] / "differential"
HARNESS = """\
void harness_abort(void) {}
void harness_enter(void) {}
void harness_log(void) {}
void harness_log_text(void) {}
unsigned long harness_random(void) { return 0; }
"""  # what the machines' helpers call when they run; here nothing runs
PROGRAMS = ("nbody", "sieve", "fft")


@dataclass(frozen=True)
class BackEnds:
    direct: Peer
    actionlist: Peer
    dynasm: Peer
    names: Mapping[str, Callable[[int], str | None]]

    def emit(self, trace: ctypes.Array[ctypes.Structure], ours: Differences, theirs: Differences) -> None:
        """ours: between action lists and DynASM; theirs: between direct stores and DynASM."""
        found = {peer.name: peer.emit(trace) for peer in (self.direct, self.actionlist, self.dynasm)}
        for name, into in (("actionlist", ours), ("direct", theirs)):
            compare(found[name], found["dynasm"], (self.names[name], self.names["dynasm"]), into)


def back_ends(vm: Vm) -> BackEnds:
    place = folder()
    peers = (direct(vm), through_dynasm(vm, "actionlist", place), through_dynasm(vm, "dynasm", place))
    # Not those of libgcc, which keeps them to itself: they are known by their code.
    symbols = {name for name in extern_names(vm) if not name.startswith("__")}
    return BackEnds(*peers, {peer.name: names_in(peer, vm, symbols).get for peer in peers})


def names_in(peer: Peer, vm: Vm, symbols: Iterable[str]) -> dict[int, str]:
    """What is where: the VM's functions and objects, and the cold code that its micro-ops share."""
    peer.begin(1)
    parts = {peer.part(index): part.name for index, part in enumerate(vm.built.shared)}
    return parts | {peer.symbol(symbol): symbol for symbol in symbols}


def minipy_traces(vm: Vm, back: BackEnds, programs: list[Path]) -> Iterator[ctypes.Array[ctypes.Structure]]:
    opcodes = back.direct.opcodes()
    for trace in vms.minipy_traces(programs):
        yield trace.instructions(vm, opcodes)


def random_traces(vm: Vm, back: BackEnds, count: int, seed: int) -> Iterator[ctypes.Array[ctypes.Structure]]:
    """Of any micro-ops with any operands that they accept."""
    chance = random.Random(seed)
    left_out = unwritable(vm)
    opcodes = [opcode for name, opcode in back.direct.opcodes().items() if name not in left_out]
    assert len(opcodes) > 9 * len(left_out)
    for _ in range(count):
        length = chance.randrange(1, 30)
        trace = (Instruction * length)()
        bias = random_value(chance)
        for place in trace:
            place.opcode, place.oparg, place.slot = chance.choice(opcodes), chance.getrandbits(16), chance.randrange(64)
            place.step, place.choice = chance.randint(-3, 3), chance.randrange(8)
            place.target, place.other = chance.randrange(length + 1), chance.randrange(length + 1)
            place.imm, place.operand, place.bias = random_value(chance), random_value(chance) & (1 << 64) - 1, bias
            place.number, place.single = chance.uniform(-9, 9), chance.uniform(-9, 9)
            place.pointer = random_value(chance) & (1 << 64) - 1
        yield trace


def require_the_same(vm: Vm, traces: Callable[[Vm, BackEnds], Iterator[ctypes.Array[ctypes.Structure]]]) -> None:
    if shutil.which("objdump") is None:
        pytest.skip("the second decoder, GNU objdump, is not on PATH")
    back = back_ends(vm)
    lists, stores = Differences(), Differences()
    emitted = refused = 0
    for trace in traces(vm, back):
        try:
            back.emit(trace, lists, stores)
            emitted += 1
        except UserError as error:  # a value out of its promised range: only direct stores check that
            assert "outside of its range" in str(error) or "holds" in str(error), error
            refused += 1
    print(
        f"\n{vm.name}: {emitted} traces, {refused} refused; spelt as bytes for DynASM: {back.dynasm.spelt} instructions"
    )
    print(
        f"direct and DynASM: {stores.instructions} instructions, {dict(stores.kinds)}, {stores.shorter} bytes shorter"
    )
    assert emitted > 9 * refused
    assert lists.instructions > 1000
    assert not lists.unequal
    assert not +lists.kinds
    assert not stores.unequal
    assert stores.kinds.keys() <= {"branch", "encoding", "constant", "test", "nothing"}
    assert len(lists.shifts) <= 1
    assert len(stores.shifts) <= 1
    assert not stores.differently_decoded()


def test_traces_of_minipy(pytestconfig: pytest.Config) -> None:
    folder()
    programs = sorted((vms.MINIPY / "programs").glob("*.py"))
    chosen = [path for path in programs if pytestconfig.getoption("--long") or path.stem in PROGRAMS]
    require_the_same(vms.minipy(), lambda vm, back: minipy_traces(vm, back, chosen))


@pytest.mark.parametrize("name", ["vm", "wide_vm"])
def test_traces_of_the_differential_machines(name: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    folder()
    home = DIFFERENTIAL / name
    (tmp_path / "harness.c").write_text(HARNESS)
    vm = Vm(
        f"differential-{name}",
        build(load_config(home), directory=tmp_path),
        (home / "helpers.c", tmp_path / "harness.c"),
        (home, home.parent / "support"),
        Instruction,
    )
    long = bool(pytestconfig.getoption("--long"))
    count, seed = (3000, random.SystemRandom().getrandbits(32)) if long else (60, 1)
    print(f"seed {seed}")
    require_the_same(vm, lambda vm, back: random_traces(vm, back, count, seed))
