"""Upstream DynASM accepts what the writer writes.

Runs where lupa is installed and $DYNASM names DynASM's folder: LuaJIT's `dynasm/`, also in lupa's source distribution.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dasc import write
from tests.dasc import examples

RUN = """
import sys
import lupa.luajit21 as luajit

folder, source, output = sys.argv[1:]
lua = luajit.LuaRuntime(unpack_returned_tuples=True)
lua.execute(f'package.path = "{folder}/?.lua;" .. package.path')
lua.globals().arg = lua.table_from(["-D", "X64", "-o", output, source])
lua.execute(f'arg[0] = "{folder}/dynasm.lua"')
lua.execute('os.exit = function(code) error("exit code " .. tostring(code)) end')
chunk = lua.eval("loadstring")(open(f"{folder}/dynasm.lua").read(), "@dynasm.lua")
lua.eval("function(main) return main(unpack(arg)) end")(chunk)
"""


@pytest.mark.skipif("DYNASM" not in os.environ, reason="$DYNASM does not name DynASM's folder")
def test_dynasm_accepts_the_examples(tmp_path: Path) -> None:
    pytest.importorskip("lupa", reason="lupa runs DynASM")
    source, output = tmp_path / "in.dasc", tmp_path / "out.c"
    source.write_text(write(examples.FILE))
    done = subprocess.run(
        [sys.executable, "-c", RUN, os.environ["DYNASM"], source, output], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert output.read_text().count("dasm_put(Dst, ") >= len(examples.FILE.stencils)
