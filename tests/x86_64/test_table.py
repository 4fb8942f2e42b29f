"""The instruction table is what its generator makes of iced-x86, and can be read."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import x86_64
from x86_64.table import forms, mnemonics

ROOT = Path(x86_64.__file__).parent.parent
GENERATED_WITH = "1.21.0"


@pytest.mark.skipif(version("iced-x86") != GENERATED_WITH, reason=f"the table was made with iced-x86 {GENERATED_WITH}")
@pytest.mark.skipif(not (ROOT / "tools").is_dir(), reason="the tools are in the repository only")
def test_the_table_is_what_the_generator_writes() -> None:
    tool = ROOT / "tools" / "make_instruction_table.py"
    run = subprocess.run([sys.executable, tool], capture_output=True, text=True, check=True)
    assert run.stdout == (ROOT / "x86_64" / "table.txt").read_text(), "edit the tool, then run it again"


def test_every_row_can_be_read() -> None:
    rows = [form for name in mnemonics() for form in forms(name)]
    assert len(rows) > 4000
    for form in rows:
        assert len(form.kinds) == len(form.access)
        assert len(form.places) in (0, len(form.kinds))
