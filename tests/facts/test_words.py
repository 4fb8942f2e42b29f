"""Mistakes with facts are told with file, line and remedy."""

from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import build

HEAD = """\
#include "vm.h"
#define STENCIL_STATE uint64_t *slots
#include <stencilgen/stencil.h>
"""
CONFIG = """\
[stencils]
sources = ["stencils.c"]
[instruction]
type = "Instruction"
header = "vm.h"
[holes]
a = {{ value = "instruction->a", type = "int16_t" }}
{facts}
"""
VM_H = "#include <stdint.h>\ntypedef struct Instruction { uint16_t opcode; int16_t a; } Instruction;\n"


def complaint(
    folder: Path, stencils: str = "STENCIL(GO) { CONTINUE(); }\n", facts: str = '[facts]\nnames = ["odd"]'
) -> str:
    (folder / "vm.h").write_text(VM_H)
    (folder / "stencils.c").write_text(HEAD + stencils)
    (folder / "stencilgen.toml").write_text(CONFIG.format(facts=facts))
    with pytest.raises(UserError) as error:
        build(load_config(folder), cache=False)
    return str(error.value)


def test_a_fact_that_is_not_declared(tmp_path: Path) -> None:
    text = complaint(tmp_path, "STENCIL(GO)\n{\n    LEARN(HOLE(int16_t, a), even);\n    CONTINUE();\n}\n")
    assert "stencils.c:6: the fact even is not declared" in text
    assert "add it to names in [facts] (there: odd)" in text


def test_facts_without_a_table(tmp_path: Path) -> None:
    text = complaint(tmp_path, "STENCIL(GO)\n{\n    LEARN(HOLE(int16_t, a), even);\n    CONTINUE();\n}\n", facts="")
    assert "(there: none)" in text


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("LEARN((int)slots[1], odd);", "LEARN"),
        ("FORGET((int)slots[1]);", "FORGET"),
        ("LEARN_CONSTANT(1, slots[1]);", "LEARN_CONSTANT"),
        ("COPY_FACTS(1, (int)slots[1]);", "COPY_FACTS"),
        ("if (HOLDS((int)slots[1], odd, slots[2] & 1)) SIDE_EXIT();", "HOLDS"),
        ("if (IS_CONSTANT((int)slots[1])) SIDE_EXIT();", "IS_CONSTANT"),
    ],
)
def test_a_location_that_is_not_known_when_a_trace_is_assembled(tmp_path: Path, statement: str, word: str) -> None:
    text = complaint(tmp_path, f"STENCIL(GO)\n{{\n    {statement}\n    CONTINUE();\n}}\n")
    assert (
        f"stencils.c:6: stencil GO: {word}: its location, or the value it tells, is not known when a trace is" in text
    )
    assert "FORGET_ALL()" in text


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ("[facts]\nnames = []", "'facts.names'"),
        ("[facts]", "'facts.names' is missing"),
        ('[facts]\nnames = ["a b"]', "'a b' is not an ASCII name of C's"),
        ('[facts]\nnames = ["odd", "odd"]', "the fact 'odd' is listed twice"),
        (f"[facts]\nnames = {[f'f{i}' for i in range(32)]}", "there can be 31 facts at most"),
    ],
)
def test_a_table_that_is_wrong(tmp_path: Path, facts: str, words: str) -> None:
    text = complaint(tmp_path, facts=facts)
    assert words in text
    assert "stencilgen.toml:8" in text or "stencilgen.toml:9" in text


def test_a_flag_compiles_stencils_as_if_they_did_not_ask(tmp_path: Path) -> None:
    """As the copy-and-patch baseline does, and whoever wants to know what facts cost and bring."""
    ask = "STENCIL(GO)\n{\n    const int a = HOLE(int16_t, a);\n    if (!HOLDS(a, odd, slots[a] & 1)) SIDE_EXIT();\n"
    (tmp_path / "vm.h").write_text(VM_H)
    (tmp_path / "stencils.c").write_text(f"{HEAD}{ask}    LEARN(a, odd);\n    CONTINUE();\n}}\n")
    config = CONFIG.format(facts='[facts]\nnames = ["odd"]')
    headers = []
    for flags in ("", 'flags = ["-DSG_NO_FACTS"]\n'):
        (tmp_path / "stencilgen.toml").write_text(config.replace("[instruction]", f"{flags}[instruction]"))
        headers.append(build(load_config(tmp_path), cache=False).header)
    assert [header.count("SG_HOLDS(") for header in headers] == [1, 0]
    assert "SG_LEARN(" not in headers[1]
