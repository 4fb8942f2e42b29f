"""stencilgen: micro-ops written once in C become emit functions for a trace JIT.

    import stencilgen
    vm = stencilgen.load("stencilgen.toml")
    code = vm.compile([vm.PUSH(number=2.0), vm.SQRT(), vm.END()])

What takes time to import (LLVM, the C compiler's driver) is imported by whoever needs it first.
"""

# Nothing above or in this check may need a new Python: an old one has to be able to read it, in order to say so.
import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "stencilgen needs Python 3.11 or newer; this is Python %d.%d (%s)\n"  # noqa: UP031
        "  -> make the virtual environment with a newer one: python3.11 -m venv .venv\n"
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )
    raise SystemExit(2)

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stencilgen.errors import Diagnostic, UserError

if TYPE_CHECKING:
    from stencilgen.embed import VM, Code, Exit, VMError, load

__all__ = ["VM", "Code", "Diagnostic", "Exit", "UserError", "VMError", "load"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("stencilgen.embed"), name)
    raise AttributeError(f"module 'stencilgen' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
