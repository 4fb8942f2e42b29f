"""Mistakes in [last], and stencils that do not keep its promises, are told with their line."""

from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import build
from tests.last_values.harness import HERE

IP = 'ip = { place = "frame->ip", blind = ["vm_blind"], writers = ["vm_write", "vm_write_rarely"] }'


def copy(tmp_path: Path, old: str, new: str) -> str:
    """The VM with another declaration; the text of its configuration."""
    for path in HERE.glob("*.[ch]"):
        (tmp_path / path.name).write_text(path.read_text())
    text = (HERE / "stencilgen.toml").read_text()
    assert old in text
    text = text.replace(old, new)
    (tmp_path / "stencilgen.toml").write_text(text)
    return text


@pytest.mark.parametrize(
    ("declaration", "what"),
    [
        (
            'ip = { place = "frame->counter" }',
            r"\[last\] ip: 'frame->counter' is not a place .*: no member named 'counter'",
        ),
        (
            'ip = { place = "frame->next->ip" }',
            r"\[last\] ip: 'frame->next->ip' is not a member of what a state parameter",
        ),
        ('ip = { place = "sp" }', r"\[last\] ip: 'sp' is not a member of what a state parameter"),
        ('ip = { place = "*frame" }', r"\[last\] ip: '\*frame' is no number or pointer of 32 or 64 bits"),
        (
            'ip = { place = "frame->ip", blind = ["vm_blond"] }',
            "no stencil calls the function vm_blond, .* listed in blind",
        ),
        ('ip = { place = "frame->ip", writers = ["vm_wrote"] }', "function vm_wrote, which is listed in writers"),
        ('ip = { place = "frame->ip + 1" }', r"'frame->ip \+ 1' is not a place .*: cannot take the address"),
        ('ip = { place = "frame->ip", blind = ["vm_write"], writers = ["vm_write"] }', "in blind and in writers"),
        ('ip = { place = "frame->ip", readers = [] }', "unknown key 'last.ip.readers'"),
        ("ip = { blind = [] }", "'last.ip.place' is missing"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, declaration: str, what: str) -> None:
    text = copy(tmp_path, IP, declaration)
    with pytest.raises(UserError, match=what) as error:
        build(load_config(tmp_path), only=["SET_IP"], cache=False)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.line == 1 + text.splitlines().index(declaration)
    assert diagnostic.remedy


def test_there_are_four_places_at_most(tmp_path: Path) -> None:
    members = ("before", "other", "after")
    copy(tmp_path, IP, "\n".join([IP, *(f'{name} = {{ place = "frame->{name}" }}' for name in members)]))
    with pytest.raises(UserError, match="the place number 5") as error:
        load_config(tmp_path)
    assert len(error.value.diagnostics) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "*(const char ***)sp = &frame->ip;",
        "*(uint64_t *)sp = (uint64_t)&frame->ip;",
        "RETURN((uint64_t)&frame->ip);",
    ],
)
def test_a_stencil_that_gives_the_address_away(tmp_path: Path, statement: str) -> None:
    copy(tmp_path, IP, IP)
    source = tmp_path / "stencils.c"
    end = "" if "RETURN" in statement else "    CONTINUE();\n"
    source.write_text(f"{source.read_text()}STENCIL(ESCAPE)\n{{\n    {statement}\n{end}}}\n")
    with pytest.raises(UserError, match="stencil ESCAPE: gives away the address of 'ip'") as error:
        build(load_config(tmp_path), cache=False)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.file == "stencils.c"
    assert source.read_text().splitlines()[diagnostic.line - 1].strip() == statement


def test_another_layout_builds_anew(tmp_path: Path) -> None:
    """A stencil whose own code has not changed depends on where the places are."""
    copy(tmp_path, IP, IP)
    before = build(load_config(tmp_path))
    assert build(load_config(tmp_path)).rebuilt == 0
    header = tmp_path / "vm.h"
    header.write_text(header.read_text().replace("    uint64_t before;", "    uint64_t before, more;"))
    after = build(load_config(tmp_path))
    assert after.rebuilt == len(after.stencils) and after.fingerprint != before.fingerprint
