"""python run_python.py [--numba] FILE: run a program; its last line on stderr is the processor time that it took.

Needs only the standard library: any Python runs it. With --numba every function is compiled by Numba's njit, and the
program is run twice: the second time says what the machine code takes, the first what compiling adds to it.
"""

import ast
import io
import sys
import time
from contextlib import redirect_stdout


def main() -> int:
    with open(sys.argv[-1], encoding="utf-8") as file:  # noqa: PTH123
        source = file.read()
    if sys.argv[1] == "--numba":
        return run_numba(source)
    code = compile(source, sys.argv[-1], "exec")
    names: dict[str, object] = {"__name__": "__main__"}
    start = time.process_time()
    exec(code, names)
    report(time.process_time() - start)
    return 0


def report(*seconds: float) -> None:
    sys.stdout.flush()
    print("seconds", *seconds, file=sys.stderr)


def reason(text: str) -> str:
    """The first sentence that says more than where Numba was."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Failed in")]
    return lines[0] if lines else text


def run_numba(source: str) -> int:
    import numba

    module = ast.parse(source)
    if any(isinstance(statement, ast.ClassDef) for statement in module.body):
        print("its classes have no types that Numba could be told of without rewriting the program", file=sys.stderr)
        return 3
    definitions = [s for s in module.body if not isinstance(s, ast.Expr | ast.For)]
    rest: list[ast.stmt] = [s for s in module.body if isinstance(s, ast.Expr | ast.For)]
    names: dict[str, object] = {"__name__": "__main__"}
    for statement in definitions:
        exec(compile(ast.Module([statement], []), sys.argv[-1], "exec"), names)
        if isinstance(statement, ast.FunctionDef):
            names[statement.name] = numba.njit(names[statement.name])
    run = compile(ast.Module(rest, []), sys.argv[-1], "exec")
    seconds = []
    outputs = []
    for _ in range(2):
        shown = io.StringIO()
        start = time.process_time()
        try:
            with redirect_stdout(shown):
                exec(run, names)
        except numba.core.errors.NumbaError as error:
            print(reason(str(error)), file=sys.stderr)
            return 3
        seconds.append(time.process_time() - start)
        outputs.append(shown.getvalue())
    print(outputs[0] if outputs[0] == outputs[1] else outputs, end="")
    report(seconds[1], seconds[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
