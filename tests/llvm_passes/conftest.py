"""C stencils through the real Clang and the real stencil language: what the passes read is what users write."""

import functools
import importlib.util
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from llvm_passes.codegen import CompiledFunction, CompileOptions, compile_functions
from llvm_passes.module import Module, split_module

INCLUDE = Path(__file__).resolve().parents[2] / "stencilgen" / "include"

FLAGS = (
    *("-target", "x86_64-linux-gnu", "-O2", "-g", "-S", "-emit-llvm", "-x", "c", "-Wall", "-Werror"),
    *("-fno-pic", "-fno-jump-tables", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
    *("-fno-unroll-loops", "-fno-vectorize", "-fno-slp-vectorize"),
)

PREAMBLE = """
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef struct Object { int64_t refcount; struct Type *type; union { double real; int64_t integer; }; } Object;
typedef struct Type { const char *name; void (*dealloc)(Object *); } Type;
typedef struct Frame { void *code; Object *locals[16]; } Frame;
typedef struct Thread { int64_t counter; int32_t pad; float single; double reals[4]; int64_t scratch[32]; } Thread;
extern Type Float_Type; extern char table[]; extern long vm_counter;
void obj_dealloc(Object *); void vm_log(const char *, ...); int64_t opaque(int64_t, Thread *);
void vm_abort(const char *) __attribute__((noreturn, cold)); void slow_path(Thread *) __attribute__((cold));
#define STENCIL_STATE Frame *frame, Object **sp, Thread *thread
#include <stencilgen/stencil.h>
#define OPARG HOLE(uint16_t, oparg)
#define OPERAND HOLE(uint64_t, operand)
#line 1 "stencils.c"
"""


@functools.cache
def to_ir(
    source: str, state_names: str = "frame,sp,thread", preamble: str = PREAMBLE, flags: tuple[str, ...] = ()
) -> str:
    """The LLVM IR of a C source after the preamble; its own first line is line 1 of stencils.c."""
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        pytest.skip("needs the ziglang package")
    zig = Path(spec.origin).parent
    command = [str(zig / "zig"), "clang", *FLAGS, "-isystem", str(zig / "lib" / "include"), "-I", str(INCLUDE)]
    command += [f"-DSG_STATE_NAMES={state_names}", *flags, "-o", "-", "-"]
    finished = subprocess.run(command, input=preamble + source, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture(scope="session")
def module() -> Callable[..., Module]:
    """`module(source, …)`: the split module of a C source, with debug information."""

    def make(source: str, **options: object) -> Module:
        return split_module(to_ir(source, **options))

    return make


@functools.cache
def compile_c(source: str) -> dict[str, CompiledFunction]:
    """Every stencil of a C source, compiled."""
    return compile_functions(to_ir(source), options=CompileOptions())


def instructions(assembly: str) -> list[str]:
    """The instructions and labels of a function's assembly, tabs as blanks, symbols without the stencil's name."""
    lines = [line.strip().replace("\t", " ") for line in assembly.splitlines()]
    kept = [
        line for line in lines if line and not re.match(r"[.#](?!LBB_\d)", line) and not line.startswith(".LBB_END")
    ]
    return [re.sub(r"__sg_e_\w+_(\d+)", r"E\1", line) for line in kept[1:]]
