"""The process in which DynASM runs: it ends where Lua's `os.exit` is called.

python child.py DYNASM-FOLDER ARGUMENT…
"""

import importlib
import os
import sys
from pathlib import Path

__all__ = ["main"]


def main(folder: str, arguments: list[str]) -> None:
    """Run dynasm.lua; its exit code is the process's."""
    luajit = importlib.import_module("lupa.luajit21")
    lua = luajit.LuaRuntime(unpack_returned_tuples=True)
    script = Path(folder) / "dynasm.lua"
    lua.globals().arg = lua.table_from(dict(enumerate([str(script), *arguments])))
    lua.eval("function(path) package.path = path .. ';' .. package.path end")(f"{folder}/?.lua")
    flush = lua.eval("function() io.stdout:flush() io.stderr:flush() end")

    def leave(code: float = 0) -> None:
        flush()
        os._exit(int(code))

    lua.eval("function(leave) os.exit = leave end")(leave)
    chunk = lua.eval("function(text, name) return assert(loadstring(text, name)) end")(
        script.read_text(encoding="utf-8"), "@dynasm.lua"
    )
    try:
        lua.eval("function(main) return main(unpack(arg)) end")(chunk)
    except luajit.LuaError as error:
        print(str(error).partition("\nstack traceback")[0], file=sys.stderr, flush=True)
        leave(1)
    leave(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
