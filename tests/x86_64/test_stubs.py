"""Editors see every instruction: the stub is what its generator writes, and a type checker finds the names in it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import x86_64
from x86_64.table import mnemonics

ROOT = Path(x86_64.__file__).parent.parent
STUB = Path(x86_64.__file__).with_name("__init__.pyi")


@pytest.mark.skipif(not (ROOT / "tools").is_dir(), reason="the tools are in the repository only")
def test_the_stub_is_what_the_generator_writes() -> None:
    run = subprocess.run([sys.executable, ROOT / "tools" / "make_stubs.py"], capture_output=True, text=True, check=True)
    assert run.stdout == STUB.read_text(), "run tools/make_stubs.py"


def test_every_name_is_in_the_stub() -> None:
    names: set[str] = set()
    for node in ast.parse(STUB.read_text()).body:
        match node:
            case ast.ImportFrom():
                names |= {alias.asname or alias.name for alias in node.names}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    assert mnemonics() <= names
    assert set(x86_64.__all__) - names == set()
    assert {"JNZ", "SETC", "CMOVNGE", "SAL", "rax", "k1", "qword"} <= names
