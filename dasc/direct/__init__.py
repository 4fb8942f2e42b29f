"""The back end that needs no encoding engine: C that stores machine code, for hand-written `.dasc` files.

What it writes is compiled against `stencilgen/dasm.h`, which has DynASM's interface. (Files of generated stencils have
a compiler of their own, `dasc.compiler`: there every value's range is known.)
"""

from dasc.direct.backend import DirectBackend

__all__ = ["DirectBackend"]
