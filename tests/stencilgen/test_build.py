"""A build as a whole: what it writes, when it does work again, and how its header guards itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

import dasc
from stencilgen.config import Config, load_config
from stencilgen.emit.header import fingerprint_of
from stencilgen.errors import UserError
from stencilgen.paths import runtime
from stencilgen.pipeline import Build, build, fingerprint, write_build
from stencilgen.toolchain.cc import Compiler, find_compiler, link
from stencilgen.toolchain.clang import ziglang
from tests.stencilgen.conftest import CONFIGURATION, PREAMBLE, VM_HEADER

STENCILS = """\
STENCIL(LOAD_FAST)
{
    *sp++ = frame->locals[HOLE(uint16_t, oparg)];
    CONTINUE();
}

STENCIL(SCALE)
{
    thread->number = thread->number * 2.5 + HOLE(double, oparg);
    CONTINUE();
}

STENCIL(COUNT)
{
    static const int64_t steps[4] = {1, 10, 100, 1000};
    static const char *const names[] = {"one", "ten", "more", "many"};
    vm_counter += steps[thread->count & 3] + compute((int64_t)names[thread->count & 3], thread);
    if (UNLIKELY(sp[-1] == 0))
        SIDE_EXIT();
    slow(thread);
    CONTINUE();
}

STENCIL(LOOP)
{
    if (--thread->count)
        JUMP(target);
    RETURN(HOLE(int32_t, small));
}
"""

Project = Callable[..., Config]
Built = Callable[..., Build]


def compilers() -> list[Compiler]:
    found = [find_compiler()]
    if zig := ziglang():
        found.append(
            Compiler((str(zig / "zig"), "cc"), "ziglang", ("-target", "x86_64-linux-gnu", "-fno-sanitize=undefined"))
        )
    return found


def compile_header(build: Build, directory: Path, compiler: Compiler, *flags: str) -> None:
    """Compile the header as a VM would, against the vm.h in `directory`."""
    write_build(build, directory / "out")
    user = directory / "user.c"
    user.write_text(
        '#include "jit_stencils.h"\n'
        "sg_code *use(sg_jit *jit, const Instruction *trace, Frame *frame, int64_t *sp, Thread *thread, sg_error *error)\n"
        "{\n    sg_code *code = sg_compile(jit, trace, 1, error);\n"
        "    return sg_enter(jit, code, frame, sp, thread).code;\n}\n"
        "sg_jit *make(void) { return sg_jit_new(NULL, NULL); }\nvoid end(sg_jit *jit) { sg_jit_free(jit); }\n"
    )
    every = ["-c", "-Wall", "-Wextra", "-Werror", "-O1", "-I", str(directory), "-I", str(directory / "out")]
    link(
        compiler, [user], directory / "user.o", [*every, "-I", str(runtime() / "include"), *flags], directory=directory
    )


def test_a_local_by_hole_is_one_instruction(built: Built) -> None:
    (load, *_) = built(STENCILS).stencils
    lines = [line.strip() for line in load.dasc.splitlines() if line.strip().startswith("|")]
    assert lines == ["|.hot", "| mov rax, qword [r12+E0]", "| mov qword [r13], rax", "| add r13, 8"]
    assert "const int64_t E0 = (uint64_t)instruction->oparg * 8 + 8;  // @value 8..524288 64" in load.dasc


def test_a_promised_range_is_of_numbers_not_of_bit_patterns(built: Built) -> None:
    """`small` is 1 to 40; as a double its bits are far beyond."""
    (stencil,) = built(
        "STENCIL(S) { thread->number = HOLE(double, small); thread->count = HOLE(int, small); CONTINUE(); }"
    ).stencils
    assert "const int64_t small_ = instruction->oparg;  // @value 1..40 64 checked" in stencil.dasc
    assert "// @value 1..40 64\n" in stencil.dasc, "the int"
    assert "// @value -9223372036854775808..9223372036854775807 64\n" in stencil.dasc, "the double"


def test_the_tag_of_an_aligned_pointer_is_known(built: Built) -> None:
    aligned = CONFIGURATION.replace('type = "uint64_t" }', 'type = "uint64_t", multiple_of = 16 }')
    source = """
STENCIL(S)
{
    uint64_t tagged = HOLE(uint64_t, operand) | 5;
    if ((tagged & 7) == 5)
        thread->count = tagged & 15;
    else
        slow(thread);
    CONTINUE();
}
"""
    (stencil,) = built(source, configuration=aligned).stencils
    code = [line.strip() for line in stencil.dasc.splitlines() if line.startswith("    |")]
    assert code == ["|.hot", "| mov qword [r14], 5"]
    assert [version.condition for version in stencil.versions] == [""]
    # no value is left, but the code is right for multiples of 16 only
    assert "operand_remainder = (uint64_t)instruction->operand % 16;  // @value 0..0 64 checked" in stencil.dasc
    assert "if (SG_UNLIKELY(!(operand_remainder == 0)))" in stencil.c_source


def test_the_dasc_file_says_all_that_the_header_was_made_from(built: Built) -> None:
    result = built(STENCILS)
    file = dasc.parse(result.dasc)
    assert list(file.stencils) == [stencil.stencil for stencil in result.stencils]
    assert [dasc.compile_stencil(stencil).c_source for stencil in file.stencils] == [
        s.c_source for s in result.stencils
    ]


def test_constants_are_emitted_once_and_may_hold_addresses(built: Built) -> None:
    result = built(STENCILS + STENCILS.replace("STENCIL(", "STENCIL(OTHER_"))
    assert result.header.count("sg_c8_4004000000000000 =") == 1  # 2.5
    assert "sg_s_many_" in result.header and "SG_RELOCATION_RODATA" in result.header


@pytest.mark.parametrize("compiler", compilers(), ids=lambda compiler: compiler.origin)
def test_the_header_compiles_without_warnings(built: Built, tmp_path: Path, compiler: Compiler) -> None:
    compile_header(built(STENCILS), tmp_path, compiler)
    compile_header(built(STENCILS), tmp_path, compiler, "-DSG_DEBUG")
    for registers in (0, 2):
        stack = f'[stack]\npointer = "sp"\ndepth = "static"\nregisters = {registers}\n'
        compile_header(built(STENCILS, configuration=CONFIGURATION + stack), tmp_path, compiler, "-DSG_DEBUG")


def test_the_header_refuses_a_vm_whose_structs_changed(built: Built, tmp_path: Path) -> None:
    result = built(STENCILS)
    (tmp_path / "vm.h").write_text(VM_HEADER.replace("{ int64_t count;", "{ int64_t new_member; int64_t count;"))
    with pytest.raises(UserError, match=r"Thread\.count: not as when the stencils were compiled: run stencilgen build"):
        compile_header(result, tmp_path, find_compiler())


def test_the_fingerprint_follows_what_the_header_is_made_from(project: Project) -> None:
    first = build(project(STENCILS), cache=False)
    assert fingerprint_of(first.header) == first.fingerprint == fingerprint(project(STENCILS))
    assert fingerprint(project("\n\n" + STENCILS)) == first.fingerprint, "lines may move"
    assert fingerprint(project(STENCILS.replace("2.5", "2.25"))) != first.fingerprint
    assert fingerprint(project(STENCILS, header=VM_HEADER.replace("locals[8]", "locals[9]"))) != first.fingerprint


def test_only_what_changed_is_built_again(project: Project) -> None:
    assert build(project(STENCILS)).rebuilt == 4
    assert build(project(STENCILS)).rebuilt == 0
    again = build(project(STENCILS.replace("2.5", "2.25")))
    assert again.rebuilt == 1
    fresh = build(project(STENCILS.replace("2.5", "2.25")), cache=False)
    assert (again.header, again.dasc, again.listing) == (fresh.header, fresh.dasc, fresh.listing)


def test_a_stencil_that_only_moved_is_not_built_again_but_shown_at_its_place(project: Project) -> None:
    build(project(STENCILS))
    moved = build(project("\n\n\n" + STENCILS))
    fresh = build(project("\n\n\n" + STENCILS), cache=False)
    assert moved.rebuilt == 0
    assert moved.stencils[1].line == fresh.stencils[1].line == 13
    assert (moved.header, moved.dasc, moved.listing) == (fresh.header, fresh.dasc, fresh.listing)
    assert [s.stencil for s in moved.stencils] == [s.stencil for s in fresh.stencils]


def test_a_damaged_cache_costs_only_time(project: Project) -> None:
    config = project(STENCILS)
    build(config)
    cache = config.directory / "build" / "x86_64-linux" / "cache.pickle"
    cache.write_bytes(cache.read_bytes()[:100])
    assert build(config).rebuilt == 4


def test_several_sources_make_one_header(project: Project, tmp_path: Path) -> None:
    project(STENCILS)
    (tmp_path / "more.c").write_text(PREAMBLE + STENCILS.replace("STENCIL(", "STENCIL(MORE_"))
    toml = tmp_path / "stencilgen.toml"
    toml.write_text(toml.read_text().replace('["stencils.c"]', '["stencils.c", "more.c"]'))
    result = build(load_config(tmp_path), cache=False)
    assert [s.name for s in result.stencils[3:5]] == ["LOOP", "MORE_LOAD_FAST"]
    assert result.stencils[4].file == "more.c"


def test_the_result_does_not_depend_on_the_number_of_processes(project: Project) -> None:
    many = "".join(STENCILS.replace("STENCIL(", f"STENCIL(S{n}_") for n in range(20))
    one, two = (build(project(many), cache=False, jobs=jobs) for jobs in (1, 2))
    assert (one.header, one.dasc, one.listing, one.stats) == (two.header, two.dasc, two.listing, two.stats)


def test_files_are_written_whole_and_only_when_they_change(built: Built, tmp_path: Path) -> None:
    result = built(STENCILS)
    paths = write_build(result, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in paths}
    assert {path.name for path in paths} == {
        "jit_stencils.h", "stencils.dasc", "listing.txt", "stats.json", "compile_commands.json",
    }  # fmt: skip
    write_build(result, tmp_path / "out")
    assert before == {path: path.stat().st_mtime_ns for path in paths}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in paths)


def test_a_directory_that_cannot_be_written_is_the_users_to_mend(built: Built, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write the results"):
        write_build(built(STENCILS), tmp_path / "file" / "out")
