"""python run_lua.py on|off FILE.lua SIZE REPEATS: run a program in lupa's LuaJIT, with its JIT on or off.

The last line on stderr is the processor time that it took.
"""

import sys
import time
from pathlib import Path

from lupa import luajit21

PRELUDE = Path(__file__).with_name("lua") / "prelude.lua"


def main() -> int:
    jit, file, size, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    lua = luajit21.LuaRuntime()
    lua.execute(f"jit.{jit}()")
    lua.execute(PRELUDE.read_text(encoding="utf-8"))
    program = lua.eval("loadfile")(file)(size)
    repeat = lua.eval("function(program, times) for _ = 1, times do program() end end")
    start = time.process_time()
    repeat(program, repeats)
    seconds = time.process_time() - start
    lua.execute("io.flush()")
    print("seconds", seconds, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
