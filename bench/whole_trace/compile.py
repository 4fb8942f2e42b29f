"""LLVM on one module: text in, object file out, and how long each step took.

A child process does it, because LLVM's options are the process's: `python -m bench.whole_trace.compile LEVEL < IR` writes the
object file and reports on stderr seconds to read the text, to optimise, to generate code; a pool of processes calls
`prepare` once and then `compiled`.
"""

import sys
import time
from typing import NamedTuple

import llvmlite.binding as llvm

__all__ = ["OPTIONS", "CompiledModule", "compiled", "prepare"]

OPTIONS = ("-enable-split-machine-functions", "-combiner-store-merging=false")


class CompiledModule(NamedTuple):
    """An object file, and seconds to read the text, to optimise, to generate code."""

    code: bytes
    parsing: float
    optimising: float
    generating: float


def prepare(level: int) -> None:
    """Before the first module of a process, all of which must be for this level."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    if level:
        for option in OPTIONS:
            llvm.set_option("", option)


def compiled(text: str, level: int) -> CompiledModule:
    """Compile a module at -O`level`."""
    machine = llvm.Target.from_triple("x86_64-unknown-linux-gnu").create_target_machine(
        cpu="x86-64", opt=level, reloc="pic", codemodel="small"
    )
    start = time.perf_counter()
    module = llvm.parse_assembly(text)
    module.verify()
    parsed = time.perf_counter()
    options = llvm.create_pipeline_tuning_options(speed_level=level)
    options.slp_vectorization = options.loop_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    optimised = time.perf_counter()
    code = machine.emit_object(module)
    return CompiledModule(code, parsed - start, optimised - parsed, time.perf_counter() - optimised)


def main() -> None:
    level = int(sys.argv[1])
    prepare(level)
    made = compiled(sys.stdin.read(), level)
    print(made.parsing, made.optimising, made.generating, file=sys.stderr)
    sys.stdout.buffer.write(made.code)


if __name__ == "__main__":
    main()
