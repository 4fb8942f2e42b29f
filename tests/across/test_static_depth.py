"""A stack pointer that stays where it is: traces end as they did, and the pointer is true wherever somebody looks."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dasc import InstructionLine
from dasc.model import versions
from llvm_passes.layout import Layout
from llvm_passes.static_depth import FARTHEST, MOST_MOVED, Movement, with_static_depth
from stencilgen import paths
from stencilgen.config import Config, Target, load_config
from stencilgen.pipeline import build
from stencilgen.units.building import Superstencils
from tests.across.harness import BEST, HERE, OPS, RANDOM, StackVM, compile_vm, random_trace
from tests.across.test_loops import LOOPY
from tests.across.test_window import end, stencil
from x86_64 import Register, r13

TRACES, RUNS, LONGEST = 2000, 6, 40
DEEP = ("PUSH", "PUSH_3", "LOAD", "COPY_1", "POP_4", "ADD", "GUARD_EVEN", "EXIT_CHANGED", "ARRAY_NEW", "BRANCH")


def configuration(registers: int) -> Config:
    config = load_config(HERE)
    assert config.stack is not None
    return config.model_copy(
        update={"stack": config.stack.model_copy(update={"depth": "static", "registers": registers})}
    )


@pytest.fixture(scope="module", params=["alone", "superstencils", "caching", "caching, superstencils, levels"])
def standing(request: pytest.FixtureRequest, vm: StackVM, tmp_path_factory: pytest.TempPathFactory) -> StackVM:
    """The VM of the other tests, with static depth and what else the name says."""
    folder = tmp_path_factory.mktemp("standing")
    config = configuration(3 if "caching" in request.param else 0)
    if "levels" in request.param:
        config = config.model_copy(update={"target": Target(cpus=["x86-64", "x86-64-v3"])})
    wish = None
    if "superstencils" in request.param:
        rng = random.Random(11)
        names = tuple(name for name in OPS if name != "GARBAGE")
        for trace, _ in (random_trace(rng, vm, 24, names) for _ in range(14)):
            assert vm.profile(trace, folder / "profile.txt") is None
        wish = Superstencils((folder / "profile.txt",), 40)
    result = build(config, cache=False, superstencils=wish)
    if wish:
        assert len(result.stats["units"]["superstencils"]) > 20
    return compile_vm(config, folder, result, debug=True)


def test_random_traces_of_units_chosen_at_random(standing: StackVM) -> None:
    rng = random.Random(7)
    for number in range(TRACES):
        trace, height = random_trace(rng, standing, rng.randrange(0, LONGEST))
        choice = rng.choice((RANDOM, RANDOM, BEST))
        failure = standing.check(trace, height, choice, plan=number, seed=rng.getrandbits(40), runs=RUNS)
        assert failure is None, failure
    exiting = {"GUARD_EVEN", "GUARD_SECOND", "GUARD_POP", "ADD_CHECKED", "EXIT_CHANGED", "JUMP_BACK"}
    assert exiting <= standing.exits.keys()
    assert standing.ended >= standing.runs // 10


def test_traces_that_go_deep(standing: StackVM) -> None:
    """Farther from where the pointer stands than displacements of a byte reach."""
    rng = random.Random(8)
    for number in range(TRACES // 4):
        trace, height = random_trace(rng, standing, 60, DEEP)
        failure = standing.check(trace, height, RANDOM, plan=number, seed=rng.getrandbits(40), runs=RUNS)
        assert failure is None, failure


def test_random_loops(standing: StackVM) -> None:
    """Where jumps arrive some entries may be in registers, and transitions fill them: the pointer is true behind these too."""
    rng = random.Random(9)
    met = set[int]()
    for number in range(TRACES):
        trace, height = random_trace(rng, standing, rng.randrange(2, 30), LOOPY)
        choice = rng.choice((RANDOM, RANDOM, BEST))
        failure = standing.check(trace, height, choice, plan=number, seed=rng.getrandbits(40), runs=RUNS)
        assert failure is None, failure
        if standing.build.units:
            met.update(standing.arrivals(len(trace)).values())
    caches = standing.build.config.stack is not None and standing.build.config.stack.registers
    assert not caches or met == {0, 1, 2, 3}


def test_every_order_of_two_micro_ops(standing: StackVM) -> None:
    """With jumps to the next position, which others fall through to."""
    rng = random.Random(10)
    for first in OPS:
        for second in OPS:
            trace = [
                standing.instruction(name, rng.randrange(8), rng.randrange(-9, 99), target=2)
                for name in (first, second)
            ]
            failure = standing.check(trace, 12, RANDOM, plan=rng.getrandbits(30), seed=rng.getrandbits(30), runs=4)
            assert failure is None, failure


def test_nothing_moves_the_pointer_but_what_hands_it_away(standing: StackVM) -> None:
    """In hot code: a jump, a tail call, what moves it by what is not constant, and what has it from elsewhere."""
    moving = {
        stencil.name
        for stencil in standing.build.stencils
        for version in versions(stencil.stencil)
        for line in version.hot
        if isinstance(line, InstructionLine) and r13 in _written(line)
    }
    loops = {"LOOP", "LOOP_CHANGING", "LOOP_PUSHING", "ITERATE"}
    elsewhere = {"PUSH_IN_CALLEE", "RELOAD", "DROP_IN_CALLEE"}
    assert moving == {"POP_SOME", "TAIL", "JUMP_BACK", "BRANCH", "BRANCH_KEEP", "SWITCH", *loops, *elsewhere}


def _written(line: InstructionLine) -> set[Register]:
    return {register.whole for register in line.instruction.effects.writes}


# ---- That these tests can fail ----

Change = Callable[[str], str]

COUNTED = (
    "static void emit_POP(sg_assembler *as, const Instruction *instruction)\n{\n    (void)as;\n    (void)instruction;\n"
)
MEET = "sg_meet_depth(as, plan->target[i] != 0)"
FILLED = "        sg_meet_depth(as, true);\n        sg_begin_micro_op"


def _replacing(old: str, new: str) -> Change:
    def changed(header: str) -> str:
        assert old in header
        return header.replace(old, new)

    return changed


def _forgetful_stubs(header: str) -> str:
    before, include, after = header.partition("#include <stencilgen/jit.h>\n")
    stub = """\
static inline uint8_t *forgetful_stub(sg_assembler *as, uint8_t *p)
{
    const int32_t depth = as->depth;
    as->depth = 0;
    p = sg_exit_stub(as, p);
    as->depth = depth;
    return p;
}
#define sg_exit_stub forgetful_stub
"""
    return f"{before}{include}{stub}{after}"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_replacing(f"{COUNTED}    SG_DEEPER(-8);\n", COUNTED), id="a pop is not counted"),
        pytest.param(_replacing(MEET, "sg_meet_depth(as, false)"), id="no true pointer where jumps arrive"),
        pytest.param(
            _replacing(MEET, "as->hot = plan->target[i] != 0 ? sg_settle_depth(as, as->hot) : as->hot"),
            id="the depth has no limit",
        ),
        pytest.param(_forgetful_stubs, id="exit stubs do not add it"),
    ],
)
def test_a_fault_is_found_out(tmp_path: Path, change: Change) -> None:
    config = configuration(0)
    built = build(config, cache=False)
    mutant = compile_vm(config, tmp_path, replace(built, header=change(built.header)))
    rng = random.Random(13)
    traces = (random_trace(rng, mutant, 40) for _ in range(20000))
    assert any(mutant.check(trace, height, BEST, plan=n) for n, (trace, height) in enumerate(traces))


def test_a_pointer_that_is_not_true_behind_filled_registers_is_found_out(tmp_path: Path) -> None:
    config = configuration(3)
    built = build(config, cache=False)
    header = _replacing(FILLED, "        sg_begin_micro_op")(built.header)
    mutant = compile_vm(config, tmp_path, replace(built, header=header))
    rng = random.Random(14)
    traces = (random_trace(rng, mutant, 30, LOOPY) for _ in range(3000))
    assert any(mutant.check(trace, height, RANDOM, plan=n) for n, (trace, height) in enumerate(traces))


def test_the_runtime_and_the_generator_agree_how_far_it_may_be() -> None:
    text = (paths.runtime() / "include" / "stencilgen" / "emit.h").read_text()
    found = re.search(r"SG_DEPTH_LIMIT = (\d+)", text)
    assert found and int(found[1]) == FARTHEST
    assert FARTHEST + MOST_MOVED < 128  # the immediate of the addition has 8 bits


# ---- The pass ----


def movement(body: str) -> tuple[str, Movement]:
    return with_static_depth(stencil(body), 1, Layout({}))


def handed(text: str, callee: str = "__sg_continue") -> str:
    """What computes the pointer that is handed on, and what computes that, innermost first."""
    name = re.search(rf"@{callee}\(ptr noundef %frame, ptr noundef(?: nonnull)? (%[\w.]+)\)", text)
    assert name
    found: list[str] = []
    pending = [name[1]]
    while pending:
        token = pending.pop()
        for line in text.split("\n"):
            if line.startswith(f"  {token} = "):
                found.insert(0, line.strip())
                pending += re.findall(r"%[\w.]+", line.split(" = ", 1)[1])
    return "\n".join(found)


def test_who_goes_on_hands_on_the_pointer_as_it_came() -> None:
    text, moved = movement(f"%a = getelementptr i64, ptr %sp, i64 2\n{end('%a')}")
    assert moved == Movement(goes_on=True, moves=16)
    assert "%a = getelementptr i64, ptr %sg.true, i64 2" in text
    assert re.fullmatch(r"%\S+ = getelementptr i8, ptr %sp, i64 0", handed(text))


def test_an_exit_hands_it_on_moved_by_what_its_micro_op_moves_it() -> None:
    """Its stub adds the depth; so it is in the exit of a part of a superstencil."""
    for callee in ("__sg_exit", "__sg_label_exit__0"):
        text, moved = movement(f"%a = getelementptr i8, ptr %sp, i64 -8\n{end('%a', callee)}")
        assert moved == Movement(goes_on=False, moves=0)
        assert re.fullmatch(r"%\S+ = getelementptr i8, ptr %sp, i64 -8", handed(text, callee))


def test_a_jump_and_a_tail_call_hand_on_the_true_pointer() -> None:
    for callee in ("__sg_label_target", "vm_tail"):
        text, _ = movement(end("%sp", callee))
        assert handed(text, callee).endswith("%sg.true = getelementptr i8, ptr %sp, i64 %sg.depth")


@pytest.mark.parametrize(
    ("pointer", "what_is_handed_on"),
    [
        pytest.param(
            f"%a = getelementptr i8, ptr %sp, i64 {MOST_MOVED + 8}", f"i8, ptr %sp, i64 {MOST_MOVED + 8}", id="too far"
        ),
        pytest.param("%a = getelementptr i8, ptr %sp, i64 4", "i8, ptr %sp, i64 4", id="half an entry"),
        pytest.param(
            "%n = load i64, ptr %frame\n%b = getelementptr i64, ptr %sp, i64 3\n"
            "%a = getelementptr inbounds nuw i64, ptr %b, i64 %n",
            "getelementptr i64, ptr %sg.handed5.base, i64 %n",
            id="not constant",
        ),
        pytest.param("%a = load ptr, ptr %frame", "sub i64 0, %sg.depth", id="another pointer"),
    ],
)
def test_who_moves_it_otherwise_moves_the_register_and_leaves_the_depth(pointer: str, what_is_handed_on: str) -> None:
    text, moved = movement(f"{pointer}\n{end('%a')}")
    assert moved == Movement(goes_on=True, moves=0)
    assert what_is_handed_on in handed(text)
    assert ("%sg.true" in handed(text)) is False


def test_two_ways_that_move_it_differently_move_the_register() -> None:
    body = f"%c = load i1, ptr %frame\nbr i1 %c, label %x, label %y\nx:\n%a = getelementptr i8, ptr %sp, i64 8\n{end('%a')}"
    text, moved = movement(f"{body}\ny:\n{end('%sp', number=2)}")
    assert moved == Movement(goes_on=True, moves=0)
    assert sorted(re.findall(r"%sg\.handed\d+ = getelementptr i8, ptr %sp, i64 (\d+)", text)) == ["0", "8"]
