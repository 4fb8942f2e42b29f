"""minipy: run a program of a small subset of Python in a tracing VM whose backend is stencilgen.

    python minipy.py [--jit off|on|always] [--interpreter switch|threaded] [--stats] FILE.py

The front end (`frontend/`) compiles FILE.py to bytecode; the VM, a C program, is built when it is needed into a cache
directory, and replaces this process: signals, output and exit code are the VM's own.
"""

import argparse
import os
import sys
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *([str(HERE.parent.parent)] if (HERE.parent.parent / "stencilgen").is_dir() else [])]

from frontend.compile import compile_program  # noqa: E402
from frontend.errors import CompileError  # noqa: E402


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line; see `--help`."""
    parser = argparse.ArgumentParser(prog="minipy.py", description="Run a program of a small subset of Python.")
    parser.add_argument("file", metavar="FILE.py", type=Path)
    parser.add_argument("--jit", choices=("off", "on", "always"), default="on", help="always: trace every loop at once")
    parser.add_argument("--interpreter", choices=("switch", "threaded"), default="switch")
    parser.add_argument("--stats", action="store_true", help="print figures about traces to stderr at the end")
    parser.add_argument("--stats-json", metavar="FILE", help="write these figures to FILE, as JSON")
    parser.add_argument(
        "--traces", metavar="FILE", help="write every trace to FILE, with what was executed, as JSON lines"
    )
    parser.add_argument("--profile", metavar="FILE", help="write what traces consist of to FILE, for superstencils")
    parser.add_argument("--superstencils", metavar="N", type=int, default=0, help="build the VM with N fused sequences")
    parser.add_argument(
        "--selection", metavar="best|plain|random:SEED", help="how traces choose among units, for tests"
    )
    parser.add_argument("--check-refcounts", action="store_true", help="check every reference count at the end")
    stress = parser.add_mutually_exclusive_group()
    stress.add_argument("--stress-exits", metavar="N", type=_positive, help="every N-th guard fails on demand")
    stress.add_argument(
        "--stress-each",
        metavar="N",
        type=_positive,
        help="each guard fails on demand, once, the N-th time it is reached",
    )
    facts = parser.add_mutually_exclusive_group()
    facts.add_argument("--no-facts", action="store_true", help="let micro-ops of a trace tell each other nothing")
    facts.add_argument(
        "--verify-facts", action="store_true", help="test what they tell each other, stop if it is false"
    )
    parser.add_argument("--sanitize", action="store_true", help="build the VM with ASan and UBSan")
    parser.add_argument("--dump", action="store_true", help="print every trace to stderr")
    return parser.parse_args(given)


def vm_options(options: argparse.Namespace) -> list[str]:
    """The options as the VM takes them."""
    found = [f"--jit={options.jit}", f"--interpreter={options.interpreter}"]
    found += [
        flag
        for flag in ("--stats", "--dump", "--check-refcounts", "--no-facts")
        if vars(options)[flag[2:].replace("-", "_")]
    ]
    found += [
        f"{flag}={value}"
        for flag in ("--stats-json", "--traces", "--profile", "--selection", "--stress-exits", "--stress-each")
        if (value := vars(options)[flag[2:].replace("-", "_")])
    ]
    return found


def run(options: argparse.Namespace) -> int:
    """Compile, build and become the VM; returns only when something is wrong."""
    from build import Variant, build_vm

    from stencilgen.errors import UserError

    try:
        source = options.file.read_bytes()
    except OSError as error:
        print(f"minipy: cannot read {options.file}: {error.strerror}", file=sys.stderr)
        return 2
    try:
        image = compile_program(source, str(options.file)).image()
    except SyntaxError as error:
        print("".join(traceback.format_exception_only(error)), end="", file=sys.stderr)
        return 2
    except CompileError as error:
        print(f"{options.file}:{error.line}: {error.what}\n  → {error.remedy}", file=sys.stderr)
        return 2
    try:
        threaded = options.interpreter == "threaded"
        variant = Variant(
            options.check_refcounts, options.sanitize, threaded, options.verify_facts, options.superstencils
        )
        vm = build_vm(variant)
    except UserError as error:
        print(f"minipy: {error}", file=sys.stderr)
        return 2
    memory = os.memfd_create("minipy", 0)
    os.write(memory, image)
    sys.stdout.flush()
    os.execv(vm, [str(vm), *vm_options(options), f"/proc/self/fd/{memory}"])


def main() -> int:
    return run(arguments())


if __name__ == "__main__":
    sys.exit(main())
