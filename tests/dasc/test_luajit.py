"""LuaJIT's own VM goes through: buildvm, made from what we write, makes what the original's makes.

Runs where lupa, DynASM and LuaJIT's sources beside it (`../src`) are found.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from iced_x86 import Code, Decoder, FlowControl, Instruction

from dasc import Options, compile_text
from tests.dasc.execute import ROOT, c_compiler
from tests.dasc.upstream import folder


@dataclass(frozen=True)
class Vm:
    """One of LuaJIT's VMs for x86: its source, what the preprocessor and what the C compiler must define."""

    file: str
    words: str
    flags: tuple[str, ...]


_X64 = ("-DLUAJIT_TARGET=LUAJIT_ARCH_x64", "-DLJ_ARCH_HASFPU=1", "-DLJ_ABI_SOFTFP=0")
VMS = {
    "64-bit pointers": Vm("vm_x64.dasc", "ENDIAN_LE P64 JIT FFI FPU HFABI", _X64),
    "32-bit pointers": Vm("vm_x86.dasc", "ENDIAN_LE P64 JIT FFI FPU HFABI", (*_X64, "-DLUAJIT_DISABLE_GC64")),
}
CONFIGURATIONS = [
    ("vm_x64.dasc", "ENDIAN_LE P64 JIT FFI FPU HFABI"),
    ("vm_x64.dasc", "ENDIAN_LE P64 WIN"),
    ("vm_x64.dasc", "ENDIAN_LE P64 DUALNUM NO_UNWIND"),
    ("vm_x86.dasc", "ENDIAN_LE P64 JIT FFI"),
    ("vm_x86.dasc", "ENDIAN_LE P64 WIN DUALNUM"),
    ("vm_x86.dasc", "ENDIAN_LE JIT FFI"),
    ("vm_x86.dasc", "ENDIAN_LE JIT FFI DUALNUM WIN"),
]


@pytest.fixture(scope="module")
def sources() -> Path:
    path = folder().parent / "src"
    if not (path / "vm_x64.dasc").is_file():
        pytest.skip("LuaJIT's src/ is not beside DynASM's folder")
    return path


def options(words: str) -> Options:
    return Options(definitions=tuple((word, "1") for word in words.split()))


@pytest.mark.parametrize(("name", "words"), CONFIGURATIONS)
def test_the_action_list_is_the_originals(sources: Path, name: str, words: str) -> None:
    file = sources / name
    text = file.read_text(encoding="utf-8")
    ours = compile_text(text, str(file), "actionlist", options(words))
    theirs = compile_text(text, str(file), "dynasm", options(words))
    # They differ in the comment at the head, and in a cast that makes the shift of a 32-bit value defined.
    assert ours.replace("(unsigned long long)", "").partition("#line 1 ")[2] == theirs.partition("#line 1 ")[2]


def build(sources: Path, directory: Path, backend: str, vm: Vm) -> Path:
    """LuaJIT's buildvm, from what a back end writes."""
    file = sources / vm.file
    source = directory / "src"
    (source / "host").mkdir(parents=True)
    for path in [*sources.glob("*.h"), *sources.glob("lib_*.c"), *sources.glob("lj_opt_fold.c")]:
        (source / path.name).write_bytes(path.read_bytes())
    for path in (sources / "host").glob("buildvm*.[ch]"):
        (source / "host" / path.name).write_bytes(path.read_bytes())
    (source / "host" / "buildvm_arch.h").write_text(
        compile_text(file.read_text(encoding="utf-8"), str(file), backend, options(vm.words))
    )
    (directory / "dynasm").mkdir()
    for name, ours in (("dasm_proto.h", "dasm.h"), ("dasm_x86.h", "dasm_encode.h")):
        upstream = (folder() / name).read_text(encoding="utf-8")
        wrapper = f"#include <stencilgen/{ours}>\n"
        (directory / "dynasm" / name).write_text(wrapper if backend == "direct" else upstream)
    program = directory / "buildvm"
    command = [*c_compiler(), "-O1", "-w", "-I.", f"-I{ROOT / 'runtime/include'}", *vm.flags, "-o", str(program)]
    files = sorted(str(path) for path in (source / "host").glob("buildvm*.c"))
    done = subprocess.run([*command, *files], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def result(program: Path, mode: str, *files: str) -> bytes:
    output = program.with_suffix("." + mode)
    subprocess.run([program, "-m", mode, "-o", output, *files], check=True, cwd=program.parent / "src")
    return output.read_bytes()


@pytest.mark.parametrize("mode", ["elfasm", "coffasm", "machasm", "raw"])
def test_buildvm_makes_the_same_files(
    sources: Path, tmp_path_factory: pytest.TempPathFactory, mode: str, programs: dict[str, Path]
) -> None:
    assert result(programs["actionlist"], mode) == result(programs["dynasm"], mode)


@pytest.mark.parametrize("mode", ["bcdef", "ffdef", "libdef", "recdef", "vmdef"])
def test_buildvm_makes_the_same_definitions(sources: Path, programs: dict[str, Path], mode: str) -> None:
    files = [path.name for path in sorted(sources.glob("lib_*.c"))]
    assert result(programs["actionlist"], mode, *files) == result(programs["dynasm"], mode, *files)


@pytest.fixture(scope="module", params=list(VMS))
def programs(
    request: pytest.FixtureRequest, sources: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    return {
        backend: build(sources, tmp_path_factory.mktemp(backend), backend, VMS[request.param])
        for backend in ("actionlist", "dynasm", "direct")
    }


def test_direct_stores_make_the_same_instructions(programs: dict[str, Path]) -> None:
    theirs, ours = (decode(result(programs[backend], "raw")) for backend in ("dynasm", "direct"))
    assert len(theirs) == len(ours)
    # Where an instruction is, counted in instructions: what a branch goes to, whatever its width.
    their_index, our_index = ({i.ip: n for n, i in enumerate(code)} for code in (theirs, ours))
    longer = 0
    for their, our in zip(theirs, ours, strict=True):
        assert their.mnemonic == our.mnemonic
        if their.flow_control in (FlowControl.UNCONDITIONAL_BRANCH, FlowControl.CONDITIONAL_BRANCH):
            assert their_index.get(their.near_branch_target) == our_index.get(our.near_branch_target) or is_outside(
                their
            )
            longer += our.len != their.len
        elif not (their.is_ip_rel_memory_operand or their.flow_control == FlowControl.CALL):
            assert their == our and their.len == our.len
    size, original = (sum(i.len for i in code) for code in (ours, theirs))
    print(f"{longer} branches of {len(ours)} instructions are left at rel32: {size} bytes for {original}")
    assert size - original <= 4 * longer


def is_outside(instruction: Instruction) -> bool:
    """Whether it goes to something that the linker knows: the field is 0 then."""
    return instruction.near_branch_target == instruction.next_ip


def decode(code: bytes) -> list[Instruction]:
    instructions = [i for i in Decoder(64, code) if i.code != Code.NOPD]
    assert all(i.code != Code.INVALID for i in instructions)
    return instructions
