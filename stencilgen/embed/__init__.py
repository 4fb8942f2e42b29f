"""The Python API: compile traces of a VM's micro-ops and run them, in this process.

    vm = stencilgen.load("stencilgen.toml")
    code = vm.compile([vm.PUSH(number=2.0), vm.SQRT(), vm.END()])
    print(code.listing())
    exit = code(machine, stack, 0.0)
    exit.returned, exit.double

The key idea: Python runs the very code that a C embedder runs. The generated header, the runtime and the VM's own C
sources become one shared library; Python only fills the VM's instruction struct, field by field, through a small C file
that knows the fields from stencilgen.toml (`source.py`).
"""

from stencilgen.embed.vm import VM, Code, Exit, MicroOp, Stencil, VMError, load

__all__ = ["VM", "Code", "Exit", "MicroOp", "Stencil", "VMError", "load"]
