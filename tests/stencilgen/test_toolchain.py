"""Whatever Clang from 19 to 22 a machine has makes stencils that work; the one that is chosen can be told."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stencilgen.config import Config, load_config
from stencilgen.errors import ClangWarning, UserError
from stencilgen.pipeline import build
from stencilgen.toolchain.cc import find_compiler
from stencilgen.toolchain.clang import NEWEST, OLDEST, find_clang, ziglang
from tests.stencilgen.conftest import CONFIGURATION, PREAMBLE, VM_HEADER
from tests.stencilgen.test_build import STENCILS

CLANGS = [path for version in range(OLDEST, NEWEST + 1) if (path := shutil.which(f"clang-{version}"))]


@pytest.mark.parametrize("path", [*CLANGS, None], ids=lambda path: Path(path).name if path else "the default")
def test_every_clang_of_the_range_will_do(
    path: str | None, project: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    if path:
        monkeypatch.setenv("STENCILGEN_CLANG", path)
    result = build(project(STENCILS), cache=False)
    assert "| mov rax, qword [r12+E0]" in result.stencils[0].dasc
    assert [stencil.name for stencil in result.stencils] == ["LOAD_FAST", "SCALE", "COUNT", "LOOP"]


def test_without_a_system_clang_the_ziglang_package_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    if ziglang() is None:
        pytest.skip("the ziglang package is not installed")
    monkeypatch.delenv("STENCILGEN_CLANG", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_clang().origin == "the ziglang package"
    monkeypatch.delenv("CC", raising=False)
    assert find_compiler().origin == "the ziglang package"


def test_a_c_compiler_that_is_not_there_is_the_users_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(UserError, match=r"\$CC is 'no-such-compiler -O2', which is not there"):
        find_compiler()


def test_a_folder_with_spaces_and_a_source_that_looks_like_a_flag(tmp_path: Path) -> None:
    """The layout of structs in a header elsewhere is asserted wherever that lies."""
    folder, include = tmp_path / "größe # 1", tmp_path / "größe # 1" / "in clude"
    include.mkdir(parents=True)
    (include / "vm.h").write_text(VM_HEADER)
    (folder / "-stencils.c").write_text(PREAMBLE + "STENCIL(S) { thread->count++; CONTINUE(); }\n")
    sources = 'sources = ["-stencils.c"]\ninclude = ["in clude"]'
    (folder / "stencilgen.toml").write_text(CONFIGURATION.replace('sources = ["stencils.c"]', sources))
    assert "offsetof(struct Thread, number) == 8" in build(load_config(folder), cache=False).header


def test_what_clang_warns_of_is_passed_on(project: Callable[..., Config]) -> None:
    """A build that succeeds is not a reason to keep quiet about a condition that is always true."""
    configuration = CONFIGURATION.replace("[instruction]", 'flags = ["-Wall"]\n[instruction]')
    config = project("STENCIL(S) { int unused = 1; CONTINUE(); }\n", configuration=configuration)
    with pytest.warns(ClangWarning, match=r"stencils\.c:4:18: warning: unused variable 'unused'"):
        build(config, cache=False)
