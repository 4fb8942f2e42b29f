"""LLVM's assembler as a process of its own: llvmlite reads module asm, and a syntax error ends the process.

Standard input: a JSON list of assembly texts. Standard output: a JSON list of [object file in hexadecimal or null,
messages]. Each text is assembled in a fork, so that one bad text costs only itself.
"""

import json
import os
import sys
import tempfile

import llvmlite.binding as llvm

TRIPLE = "x86_64-unknown-linux-gnu"


def assemble(source: str) -> bytes:
    escaped = "".join(c if c.isalnum() or c in " .,:()%$*{}-_+@" else f"\\{ord(c):02x}" for c in source)
    module = llvm.parse_assembly(f'target triple = "{TRIPLE}"\nmodule asm "{escaped}"\n')
    machine: llvm.TargetMachine = llvm.Target.from_triple(TRIPLE).create_target_machine()
    return bytes(machine.emit_object(module))


def in_fork(source: str) -> tuple[str | None, str]:
    with tempfile.TemporaryFile() as result, tempfile.TemporaryFile() as messages:
        child = os.fork()
        if child == 0:
            os.dup2(messages.fileno(), 2)
            result.write(assemble(source))
            result.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        result.seek(0)
        messages.seek(0)
        code = result.read()
        return (code.hex() if status == 0 and code else None), messages.read().decode()


def main() -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()
    json.dump([in_fork(source) for source in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
