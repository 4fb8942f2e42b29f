"""The back end for DynASM's own encoding engine.

The C that it writes is compiled against DynASM's `dasm_proto.h` and `dasm_x86.h`: whoever has a program that uses
DynASM can change the preprocessor and nothing else.
"""

from dasc.actionlist.backend import ActionListBackend

__all__ = ["ActionListBackend"]
