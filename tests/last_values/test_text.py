"""Lines about last values in `.dasc` text: written and read back, and what is wrong with them told."""

import pytest

import dasc
from dasc import File, LastValue, Stencil, Value
from tests.last_values.harness import Machine
from x86_64 import Symbol

L0 = Symbol("L0", -(1 << 63), (1 << 63) - 1)


def test_text_and_stencils_say_the_same(plain: Machine, united: Machine) -> None:
    for vm in (plain, united):
        stencils = tuple(built.stencil for built in (*vm.build.stencils, *vm.build.units))
        file = File(stencils=stencils)
        assert dasc.parse(dasc.write(file)) == file
        actions = {
            line.action
            for stencil in stencils
            for version in dasc.versions(stencil)
            for line in (*version.hot, *version.cold)
            if isinstance(line, LastValue)
        }
        assert actions == {"write", "rewrite", "set", "written", "unsure", "forget", "exits_write", "exits_rewrite"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("| last vanish 0", "`vanish` happens to no last value"),
        ("| last set 0, X1", "`X1` is not a value of the stencil"),
        ("| last set 0", "`last set` needs a value"),
        ("| last forget 0, L0", "`forget` and a value"),
    ],
)
def test_what_is_wrong_with_a_line(line: str, message: str) -> None:
    text = dasc.write(File(stencils=(Stencil("F", values=(Value(L0, "1"),), cold=(LastValue("set", 0, L0),)),)))
    assert "| last set 0, L0\n" in text
    with pytest.raises(dasc.DascError, match=message):
        dasc.parse(text.replace("| last set 0, L0", line))


def test_a_stencil_that_only_reports_emits_nothing() -> None:
    compiled = dasc.compile_stencil(Stencil("F", values=(Value(L0, "1"),), cold=(LastValue("set", 0, L0),)))
    assert (compiled.max_hot, compiled.max_cold, compiled.continues) == (0, 0, True)
