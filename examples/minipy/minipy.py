"""minipy: run a program of a small subset of Python in a tracing VM whose backend is stencilgen.

    python minipy.py [--jit off|on|always] [--interpreter switch|threaded] [--stats] FILE.py

The front end (`frontend/`) compiles FILE.py to bytecode; the VM, a C program, is built when it is needed into a cache
directory, and replaces this process: signals, output and exit code are the VM's own.
"""

import argparse
import sys
from pathlib import Path


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command line; see `--help`."""
    parser = argparse.ArgumentParser(prog="minipy.py", description="Run a program of a small subset of Python.")
    parser.add_argument("file", metavar="FILE.py", type=Path)
    parser.add_argument("--jit", choices=("off", "on", "always"), default="on", help="always: trace every loop at once")
    parser.add_argument("--interpreter", choices=("switch", "threaded"), default="switch")
    parser.add_argument("--stats", action="store_true", help="print figures about traces to stderr at the end")
    parser.add_argument("--check-refcounts", action="store_true", help="check every reference count at the end")
    parser.add_argument("--stress-exits", metavar="N", type=int, default=0, help="every N-th guard fails on demand")
    parser.add_argument("--sanitize", action="store_true", help="build the VM with ASan and UBSan")
    return parser.parse_args(given)


def main() -> int:
    options = arguments()
    print(f"minipy: {options.file}: not built yet", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
