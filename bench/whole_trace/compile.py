"""A child process that compiles one module: `python -m bench.whole_trace.compile LEVEL < IR`, an object file comes out.

In a process of its own because LLVM's options are the process's, and because what it takes is to be measured from
nothing. It reports on stderr: seconds to read the text, to optimise, to generate code.
"""

import sys
import time

import llvmlite.binding as llvm

OPTIONS = ("-enable-split-machine-functions", "-combiner-store-merging=false")


def main() -> None:
    level = int(sys.argv[1])
    text = sys.stdin.read()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    if level:
        for option in OPTIONS:
            llvm.set_option("", option)
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
    end = time.perf_counter()
    print(parsed - start, optimised - parsed, end - optimised, file=sys.stderr)
    sys.stdout.buffer.write(code)


if __name__ == "__main__":
    main()
