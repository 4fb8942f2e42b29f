"""Where the files that are not Python lie: the stencil language, the C runtime, the bundled examples.

In a wheel they are data of the `stencilgen` package; in a checkout (or an editable install) they are folders beside it.
This is the one place that knows.
"""

from pathlib import Path

__all__ = ["example", "runtime", "stencil_include"]

_PACKAGE = Path(__file__).resolve().parent


def _data(*parts: str) -> Path:
    for root in (_PACKAGE / "data", _PACKAGE.parent):
        if (path := root.joinpath(*parts)).exists():
            return path
    raise FileNotFoundError(f"stencilgen is installed without {'/'.join(parts)}: install it again")


def stencil_include() -> Path:
    """The directory for `#include <stencilgen/stencil.h>`."""
    return _PACKAGE / "include"


def runtime() -> Path:
    """The C runtime: `include/` for `#include <stencilgen/jit.h>`, `src/*.c` to compile into the VM."""
    return _data("runtime")


def example(name: str) -> Path:
    """The folder of a bundled example."""
    return _data("examples", name)
